"""Memories: what an agent keeps of a conversation, and everything else it knows as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.values import coerce
from runtime_core.domain.world import ChannelType
from runtime_core.errors import InvalidInput

STRICT = {"extra": "forbid"}  # an unknown field is a mistake to name, not to drop


class MemoryType(StrEnum):
    """The kinds of memory the reference names; a value is also the table it is kept in."""

    MESSAGE = "messages"
    FACT = "facts"
    DOCUMENT = "documents"
    FRAGMENT = "fragments"
    DESCRIPTION = "descriptions"
    CUSTOM = "memories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An attachment of a message."""

    __pydantic_config__: ClassVar[Any] = STRICT

    url: str
    id: str | None = None
    title: str | None = None
    content_type: str | None = None
    source: str | None = None
    description: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says.

    Attributes:
        thought: The agent's reasoning, never shown to the user.
        actions: Names of the actions that made or follow this content.
        mentioned: True when the message names the agent.
        data: Everything else a channel or an action attaches; JSON.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    text: str = ""
    thought: str | None = None
    source: str | None = None
    url: str | None = None
    actions: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    attachments: tuple[Media, ...] = ()
    in_reply_to: UUID | None = None
    channel_type: ChannelType | None = None
    mentioned: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One thing an agent keeps: a message, a fact, a fragment of a document.

    Attributes:
        entity_id: Who said it; the agent itself has an entity with its own id.
        agent_id: Whose memory it is; filled when it is stored.
        table: `messages`, `facts`, `documents`, `memories`, or any other name.
        embedding: Vector of shape `(dim,)`; read back only when asked for.
        created_at: Aware, UTC; filled when it is stored. Memories are ordered by (created_at, id).
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    id: UUID = field(default_factory=uuid4)
    entity_id: UUID
    room_id: UUID
    content: Content
    agent_id: UUID | None = None
    world_id: UUID | None = None
    table: str = MemoryType.MESSAGE.value
    metadata: Mapping[str, Any] = field(default_factory=dict)
    unique: bool = True
    embedding: tuple[float, ...] | None = None
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A memory that a search found.

    Attributes:
        score: Fused rank score in (0, 1], higher is better; only its order carries meaning.
        similarity: Cosine similarity in [-1, 1], when the memory has a vector of the searched model.
        before: The neighbours asked for that precede it in its room and table, oldest first.
        after: Those that follow it, oldest first.
    """

    memory: Memory
    score: float
    similarity: float | None = None
    before: tuple[Memory, ...] = ()
    after: tuple[Memory, ...] = ()


_CONTENT_FIELDS = frozenset(each.name for each in fields(Content))
_MEMORY_ALIASES = {"user_id": "entity_id", "type": "table"}  # as the reference's examples write them


def coerce_content(value: Content | Mapping[str, Any], *, name: str = "content") -> Content:
    """Take content as it is, or build it from a dict; keys that `Content` does not know go to `data`."""
    if isinstance(value, Content):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected content as a dict, got a {type(value).__name__}", path=name)
    extra = {key: item for key, item in value.items() if key not in _CONTENT_FIELDS}
    known = {key: item for key, item in value.items() if key in _CONTENT_FIELDS}
    content = coerce(Content, known, name=name)
    return replace(content, data={**content.data, **extra}) if extra else content


def coerce_memory(value: Memory | Mapping[str, Any], *, name: str = "memory") -> Memory:
    """Take a memory as it is, or build one from a dict, also in the reference's words (`type`, `user_id`).

    Raises:
        InvalidInput: A field is missing, unknown, or of the wrong type.
    """
    if isinstance(value, Memory):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected a memory as a dict, got a {type(value).__name__}", path=name)
    known = {_MEMORY_ALIASES.get(key, key): item for key, item in value.items()}
    if "content" in known:
        known["content"] = coerce_content(known["content"], name=f"{name}.content")
    return coerce(Memory, known, name=name)


def required_created_at(memory: Memory) -> datetime:
    """The time of a memory that was stored."""
    if memory.created_at is None:
        raise InvalidInput("has no time yet: it was not stored", path="memory.created_at")
    return memory.created_at
