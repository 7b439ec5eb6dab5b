"""Facts: what an agent holds true of people. Noted once, replaced by what contradicts it, with the past kept.

A fact is a memory of the table `facts`; its `entity_id` is the person it is about, its metadata names the
`source_message_id`. One that another took the place of moves to the table `past_facts`, where no recall finds it, with
`superseded_by` and `superseded_at`; the newer one names it under `supersedes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid, string_to_uuid
from runtime_core.domain.memory import Content, Memory, MemoryType
from runtime_core.ports import MemoryFilter
from runtime_core.queues.embedding.job import Priority
from runtime_core.queues.embedding.queueing import enqueue_embeddings

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

PAST_FACTS = "past_facts"
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001 - the apostrophe that people type
_ARTICLES = frozenset({"a", "an", "the"})
_LONGEST_HISTORY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something said of a person.

    Attributes:
        about: The person.
        source: The message it was learned from.
        replaces: Facts about the same person that are not true any more if this is; others are left alone.
    """

    text: str
    about: UUID
    source: Memory
    replaces: tuple[UUID, ...] = ()


@dataclass(slots=True, kw_only=True)
class Kept:
    """What became of claims."""

    new: list[Memory] = field(default_factory=list)
    superseded: list[Memory] = field(default_factory=list)


async def known_facts(runtime: AgentRuntime, message: Memory, *, limit: int) -> list[Memory]:
    """The newest facts of the message's room and about its sender, oldest first."""
    of_room = await runtime.get_memories(table=MemoryType.FACT.value, room_id=message.room_id, limit=limit)
    of_sender = await runtime.get_memories(table=MemoryType.FACT.value, entity_id=message.entity_id, limit=limit)
    unique = {each.id: each for each in (*of_room, *of_sender)}.values()
    newest = sorted(unique, key=_order, reverse=True)[:limit]
    return newest[::-1]


async def keep_facts(runtime: AgentRuntime, claims: Sequence[Claim], *, now: datetime) -> Kept:
    """Store what is new, and move what it replaces to the past. Done twice, it is done once.

    Raises:
        StoreError: The facts could not be read or stored.
    """
    kept = Kept()
    for claim in claims:
        await _keep(runtime, claim, now, kept)
    await enqueue_embeddings(runtime, kept.new, Priority.NORMAL)
    return kept


async def past_of(runtime: AgentRuntime, fact: Memory) -> list[Memory]:
    """What a fact took the place of, newest first: the fact before it, the one before that, and so on."""
    found: list[Memory] = []
    ids = _ids(fact.metadata.get("supersedes"))
    while ids and len(found) < _LONGEST_HISTORY:
        past = await runtime.get_memories_by_ids([_past_id(runtime.agent_id, each) for each in ids])
        found += sorted(past, key=_order, reverse=True)
        ids = [each for one in past for each in _ids(one.metadata.get("supersedes"))]
    return found


async def _keep(runtime: AgentRuntime, claim: Claim, now: datetime, kept: Kept) -> None:
    fact = _fact(runtime.agent_id, claim)
    about = MemoryFilter(table=MemoryType.FACT.value, entity_id=claim.about)
    held = await runtime.database.memories.find(runtime.agent_id, about, limit=1000)
    same = next((each for each in held if wording(each.content.text) == wording(claim.text)), None)
    replaced = [each for each in held if each.id in claim.replaces and each is not same]
    if same is None:
        fact = replace(fact, metadata={**fact.metadata, "supersedes": [str(each.id) for each in replaced]})
    past = [_as_past(runtime.agent_id, each, same or fact, now) for each in replaced]
    there = {each.id for each in await runtime.get_memories_by_ids([each.id for each in past])} if past else set()
    new = [fact] if same is None else []
    store = runtime.database.memories
    # The past goes first and the old fact last: stopped in between, something is held twice, and nothing is lost.
    await store.create(runtime.agent_id, [each for each in past if each.id not in there])
    await store.create(runtime.agent_id, new, embedding_priority="normal" if runtime.embeds else None)
    if replaced:
        await store.delete(runtime.agent_id, [each.id for each in replaced])
    kept.new += new
    kept.superseded += replaced


def _fact(agent_id: UUID, claim: Claim) -> Memory:
    """Its id comes from its words and its source, so that the same note made twice is one fact."""
    source = claim.source
    return Memory(
        id=string_to_uuid(f"fact:{agent_id}:{claim.about}:{source.id}:{wording(claim.text)}"),
        entity_id=claim.about,
        room_id=source.room_id,
        world_id=source.world_id,
        table=MemoryType.FACT.value,
        content=Content(text=claim.text, source="reflection"),
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


def wording(text: str) -> tuple[str, ...]:
    """A claim's words in their order, without what two people would say differently: case, marks, articles."""
    return tuple(word for word in _WORDS.findall(text.casefold()) if word not in _ARTICLES)


def _ids(value: object) -> list[UUID]:
    given: Iterable[object] = value if isinstance(value, list | tuple) else ()
    return [found for each in given if (found := parse_uuid(str(each))) is not None]


def _order(memory: Memory) -> tuple[Any, UUID]:
    return memory.created_at, memory.id
