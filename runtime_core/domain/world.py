"""Where conversations happen and who takes part: worlds, rooms, entities, and what ties them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass


class ChannelType(StrEnum):
    """How a room is used; decides whether the agent answers unasked."""

    SELF = "SELF"
    DM = "DM"
    GROUP = "GROUP"
    VOICE_DM = "VOICE_DM"
    VOICE_GROUP = "VOICE_GROUP"
    FEED = "FEED"
    THREAD = "THREAD"
    WORLD = "WORLD"
    FORUM = "FORUM"
    API = "API"


DIRECT_CHANNELS = frozenset({ChannelType.DM, ChannelType.VOICE_DM, ChannelType.SELF, ChannelType.API})
"""Channels between the agent and one user: every message is answered, and speakers need no names."""


class ParticipantState(StrEnum):
    """What the agent does in a room on its own: follow every message, or stay silent."""

    FOLLOWED = "FOLLOWED"
    MUTED = "MUTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A server, a workspace, a deployment: what rooms belong to."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    agent_id: UUID | None = None
    name: str | None = None
    message_server_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One conversation."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    agent_id: UUID | None = None
    world_id: UUID | None = None
    name: str | None = None
    source: str | None = None
    type: ChannelType = ChannelType.API
    channel_id: str | None = None
    message_server_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Someone who takes part: a person, a bot, the agent itself. The first name is the one shown."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    agent_id: UUID | None = None
    names: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A piece of data about an entity, by type ("profile", "settings")."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    entity_id: UUID
    type: str
    room_id: UUID | None = None
    world_id: UUID | None = None
    source_entity_id: UUID | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An entity's place in a room; its id is the pair (room, entity)."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    room_id: UUID
    entity_id: UUID
    agent_id: UUID | None = None
    state: ParticipantState | None = None
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """What ties two entities, seen from the source."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    source_entity_id: UUID
    target_entity_id: UUID
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None
