"""Facts about people: stored once, superseded when contradicted, with their history kept.

A fact is a memory of the table `facts`: its `entity_id` is the person, its metadata hold the `source_message_id`. A
superseded fact moves to the table `past_facts`, which recall does not search, with `superseded_by` and
`superseded_at` in its metadata; the newer fact lists it under `supersedes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid, string_to_uuid
from runtime_core.domain.memory import Content, Memory, MemoryType
from runtime_core.ports import MemoryFilter
from runtime_core.queues.embedding.queueing import enqueue_embeddings

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

PAST_FACTS = "past_facts"
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001 - the typographic apostrophe occurs in messages
_ARTICLES = frozenset({"a", "an", "the"})
_MAX_HISTORY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement about a person, to be stored as a fact.

    Attributes:
        about: The entity id of the person.
        source: The message with the statement.
        replaces: Facts that it contradicts; ids of facts about other people are ignored.
    """

    text: str
    about: UUID
    source: Memory
    replaces: tuple[UUID, ...] = ()


@dataclass(slots=True, kw_only=True)
class StoredFacts:
    """The facts that were stored and superseded."""

    new: list[Memory] = field(default_factory=list)
    superseded: list[Memory] = field(default_factory=list)


async def find_facts(runtime: Context, message: Memory, *, limit: int) -> list[Memory]:
    """Find the newest facts about a message's room and sender, oldest first."""
    of_room = await runtime.get_memories(table=MemoryType.FACT.value, room_id=message.room_id, limit=limit)
    of_sender = await runtime.get_memories(table=MemoryType.FACT.value, entity_id=message.entity_id, limit=limit)
    unique = {each.id: each for each in (*of_room, *of_sender)}.values()
    newest = sorted(unique, key=_order, reverse=True)[:limit]
    return newest[::-1]


async def store_facts(runtime: Context, statements: Sequence[Statement], *, now: datetime) -> StoredFacts:
    """Store new facts, and move those they replace to the past.

    Idempotent: repeating a call changes nothing.

    Raises:
        StoreError: Reading or storing the facts failed.
    """
    stored = StoredFacts()
    for statement in statements:
        await _store(runtime, statement, now, stored)
    await enqueue_embeddings(runtime, stored.new, Priority.NORMAL)
    return stored


async def find_history(runtime: Context, fact: Memory) -> list[Memory]:
    """Find the chain of facts that a fact superseded, newest first.

    Returns:
        At most about 100 facts.
    """
    found: list[Memory] = []
    ids = _parse_ids(fact.metadata.get("supersedes"))
    while ids and len(found) < _MAX_HISTORY:
        past = await runtime.get_memories_by_ids([_past_id(runtime.agent_id, each) for each in ids])
        found += sorted(past, key=_order, reverse=True)
        ids = [each for one in past for each in _parse_ids(one.metadata.get("supersedes"))]
    return found


async def _store(runtime: Context, statement: Statement, now: datetime, stored: StoredFacts) -> None:
    fact = _make_fact(runtime.agent_id, statement)
    about = MemoryFilter(table=MemoryType.FACT.value, entity_id=statement.about)
    held = await runtime.database.memories.find(runtime.agent_id, about, limit=1000)
    same = next((each for each in held if normalize_words(each.content.text) == normalize_words(statement.text)), None)
    replaced = [each for each in held if each.id in statement.replaces and each is not same]
    if same is None:
        fact = replace(fact, metadata={**fact.metadata, "supersedes": [str(each.id) for each in replaced]})
    past = [_as_past(runtime.agent_id, each, same or fact, now) for each in replaced]
    existing = {each.id for each in await runtime.get_memories_by_ids([each.id for each in past])} if past else set()
    new = [fact] if same is None else []
    store = runtime.database.memories
    # Copy before delete: an interruption leaves a duplicate and loses nothing.
    await store.create(runtime.agent_id, [each for each in past if each.id not in existing])
    await store.create(runtime.agent_id, new, embedding_priority="normal" if runtime.embeds else None)
    if replaced:
        await store.delete(runtime.agent_id, [each.id for each in replaced])
    stored.new += new
    stored.superseded += replaced


def _make_fact(agent_id: UUID, statement: Statement) -> Memory:
    """Build a fact, with an id derived from its words and source."""
    source = statement.source
    return Memory(
        id=string_to_uuid(f"fact:{agent_id}:{statement.about}:{source.id}:{normalize_words(statement.text)}"),
        entity_id=statement.about,
        room_id=source.room_id,
        world_id=source.world_id,
        table=MemoryType.FACT.value,
        content=Content(text=statement.text, source="reflection"),
        metadata={"source_message_id": str(source.id)},
    )


def _as_past(agent_id: UUID, fact: Memory, newer: Memory, now: datetime) -> Memory:
    metadata: Mapping[str, Any] = {
        **fact.metadata,
        "fact_id": str(fact.id),
        "superseded_by": str(newer.id),
        "superseded_at": now.isoformat(),
    }
    return replace(fact, id=_past_id(agent_id, fact.id), table=PAST_FACTS, metadata=metadata, embedding=None)


def _past_id(agent_id: UUID, fact_id: UUID) -> UUID:
    return string_to_uuid(f"past fact:{agent_id}:{fact_id}")


def normalize_words(text: str) -> tuple[str, ...]:
    """Split a text into words for comparison, without case, punctuation and articles."""
    return tuple(word for word in _WORDS.findall(text.casefold()) if word not in _ARTICLES)


def _parse_ids(value: object) -> list[UUID]:
    given: Iterable[object] = value if isinstance(value, list | tuple) else ()
    return [found for each in given if (found := parse_uuid(str(each))) is not None]


def _order(memory: Memory) -> tuple[Any, UUID]:
    return memory.created_at, memory.id
