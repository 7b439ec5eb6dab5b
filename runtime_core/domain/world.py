"""Worlds, rooms, entities, participants and relationships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass


class ChannelType(StrEnum):
    """The kind of a room, which decides whether messages need a mention."""

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
    """The agent's state in a room: answer everything, or only mentions."""

    FOLLOWED = "FOLLOWED"
    MUTED = "MUTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A group of rooms: a server, a workspace or a deployment."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    agent_id: UUID | None = None
    name: str | None = None
    message_server_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
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
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A person, bot or agent; its first name is displayed."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    agent_id: UUID | None = None
    names: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Data about an entity, by type ("profile", "settings")."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    entity_id: UUID
    type: str
    room_id: UUID | None = None
    world_id: UUID | None = None
    source_entity_id: UUID | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An entity's membership of a room, identified by (room, entity)."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    room_id: UUID
    entity_id: UUID
    agent_id: UUID | None = None
    state: ParticipantState | None = None
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A directed relationship between two entities."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    source_entity_id: UUID
    target_entity_id: UUID
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None
