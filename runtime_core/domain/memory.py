"""Memories: the messages, facts, documents and other texts that an agent stores."""

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

STRICT = {"extra": "forbid"}  # an unknown field is an error: dropping it would hide a typo


class MemoryType(StrEnum):
    """Memory types of the reference; each value names a table."""

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
    """The content of a message.

    Attributes:
        thought: The agent's reasoning; users never see it.
        actions: Names of the actions that produced this content or follow it.
        mentioned: Whether the message mentions the agent.
        data: Other JSON values that a channel or an action attaches.
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
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A text that an agent stores, such as a message or fact.

    Attributes:
        entity_id: The author; for the agent's own messages, the agent's id.
        agent_id: The agent that owns the memory; the store fills it in.
        table: `messages`, `facts`, `documents`, `memories`, or any other name.
        embedding: Vector of shape `(dim,)`; the store returns it only on request.
        created_at: Aware, UTC; the store fills it in. Memories are ordered by (created_at, id).
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    id: UUID = field(default_factory=uuid4)
    entity_id: UUID
    room_id: UUID
    content: Content
    agent_id: UUID | None = None
    world_id: UUID | None = None
    table: str = MemoryType.MESSAGE.value
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unique: bool = True
    embedding: tuple[float, ...] | None = None
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result.

    Attributes:
        score: Fused rank score in (0, 1], higher is better; only the order is meaningful.
        similarity: Cosine similarity in [-1, 1]; None if the memory has no vector of the searched model.
        before: Requested neighbours before it in its room and table, oldest first.
        after: Requested neighbours after it, oldest first.
    """

    memory: Memory
    score: float
    similarity: float | None = None
    before: tuple[Memory, ...] = ()
    after: tuple[Memory, ...] = ()


_CONTENT_FIELDS = frozenset(each.name for each in fields(Content))
_MEMORY_ALIASES = {"user_id": "entity_id", "type": "table"}  # names in the reference's examples


def coerce_content(value: Content | Mapping[str, Any], *, name: str = "content") -> Content:
    """Return content unchanged, or build it from a dict.

    Unknown keys go to `data`.

    Raises:
        InvalidInput: The value is no dict, or a field has the wrong type.
    """
    if isinstance(value, Content):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected content as a dict, got a {type(value).__name__}", path=name)
    extra = {key: item for key, item in value.items() if key not in _CONTENT_FIELDS}
    known = {key: item for key, item in value.items() if key in _CONTENT_FIELDS}
    content = coerce(Content, known, name=name)
    return replace(content, data={**content.data, **extra}) if extra else content


def coerce_memory(value: Memory | Mapping[str, Any], *, name: str = "memory") -> Memory:
    """Return a memory unchanged, or build one from a dict.

    The reference's names `type` and `user_id` are accepted for `table` and `entity_id`.

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
    """Return the `created_at` of a stored memory.

    Raises:
        InvalidInput: The memory was not stored and has no time.
    """
    if memory.created_at is None:
        raise InvalidInput("is missing: the memory was not stored", path="memory.created_at")
    return memory.created_at
