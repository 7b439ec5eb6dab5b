"""What a message brings to mind: older turns of its room, facts, passages of documents, found while its turn goes on.

By words alone, the claim brings it along and it costs nothing more. With the query's embedding, that is asked for
beside the claim, given up at a deadline, and one query of its own follows; without it, that goes by words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Hit, Memory, MemoryType, required_created_at
from runtime_core.domain.memory_query import MemoryFilter, MemoryQuery, RecallQuery, RecallSource
from runtime_core.domain.run import TurnContext
from runtime_core.errors import DimensionMismatch, MayflyError, SettingsError
from runtime_core.recall.finding import QUERY_CHARACTERS
from runtime_core.settings import Settings
from runtime_core.support.deadline import within

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

PAST_TURNS = 4
FACTS = 8
PASSAGES = 5
_BYTES_FOR_A_TOKEN = 4  # an estimate: a tokenizer would cost more than it saves


class RecallMode(StrEnum):
    """What recall goes by."""

    OFF = "off"
    TEXT = "text"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallResult:
    """What was found, best first.

    Attributes:
        past: Messages of the room that lie before those the turn reads anyway, each with its neighbours.
    """

    past: tuple[Hit, ...] = ()
    facts: tuple[Hit, ...] = ()
    passages: tuple[Hit, ...] = ()


NOTHING = RecallResult()


def recall_mode(runtime: AgentRuntime) -> RecallMode:
    """What the agent's turns recall by: RECALL; unset, `hybrid` where EMBEDDING_MODEL was set, else `text`.

    Raises:
        SettingsError: RECALL is unknown, or `hybrid` where no plugin embeds.
    """
    given = runtime.get_setting("RECALL")
    if given in (None, ""):
        return RecallMode.HYBRID if runtime.embeds and _names_a_model(runtime) else RecallMode.TEXT
    if given not in [*RecallMode]:
        raise SettingsError(f"RECALL is {given!r}: it is off, text or hybrid", name="RECALL")
    mode = RecallMode(given)
    if mode is RecallMode.HYBRID and not runtime.embeds:
        raise SettingsError(
            "RECALL is 'hybrid', but no plugin embeds here: add one that answers TEXT_EMBEDDING, or set RECALL to text",
            name="RECALL",
        )
    return mode


def _names_a_model(runtime: AgentRuntime) -> bool:
    """Whether EMBEDDING_MODEL was set, by the deployment or the agent, be it to its default."""
    default = Settings.model_fields["embedding_model"].default
    return "embedding_model" in runtime.settings.model_fields_set or runtime.get_setting("EMBEDDING_MODEL") != default


def knowledge_room_id(agent_id: UUID) -> UUID:
    """The room that the agent's own documents are kept in."""
    return string_to_uuid(f"{agent_id}:knowledge")


class RecallTask:
    """The recall of one message; `close` it when the turn ends.

    Attributes:
        with_claim: What `TurnStart.recall` asks of the store; None where the claim brings nothing along.
    """

    def __init__(self, runtime: AgentRuntime, message: Memory, mode: RecallMode) -> None:
        self._runtime = runtime
        self._message = message
        self._mode = mode if message.content.text.strip() else RecallMode.OFF
        self._context: TurnContext | None = None
        self._embedding: asyncio.Task[tuple[float, ...] | None] | None = None
        self._found: asyncio.Task[RecallResult] | None = None
        self.with_claim = self._recall() if self._mode is RecallMode.TEXT else None
        if self._mode is RecallMode.HYBRID:
            self._embedding = asyncio.create_task(self._embedded(), name="recall: embedding")

    @property
    def message_id(self) -> UUID:
        return self._message.id

    def claimed(self, context: TurnContext) -> None:
        """Go on from what the claim gave."""
        self._context = context

    async def get(self) -> RecallResult:
        """What was found; asked any number of times, looked for once.

        Raises:
            StoreError: The search failed.
        """
        if self._mode is RecallMode.OFF:
            return NOTHING
        if self._context is not None and self.with_claim is not None:
            return _sorted(self._context.recalled)
        if self._found is None:
            self._found = asyncio.create_task(self._search(), name="recall: search")
        return await asyncio.shield(self._found)

    async def close(self) -> None:
        """End what is still under way."""
        tasks = [each for each in (self._embedding, self._found) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _embedded(self) -> tuple[float, ...] | None:
        """The query's vector; None when it failed or took too long: the words remain."""
        runtime = self._runtime
        try:
            async with within(runtime.settings.recall_timeout_s, "the embedding of the message"):
                response = await runtime.embed([self._message.content.text[:QUERY_CHARACTERS]], max_retries=0)
        except MayflyError as error:
            log.warning("recall goes by words alone", extra={"error_code": error.code, "reason": str(error)})
            return None
        return response.vectors[0]

    async def _search(self) -> RecallResult:
        vector = await self._embedding if self._embedding is not None else None
        recall = self._recall(vector)
        sources = [self._beyond_window(recall.sources[0]), *recall.sources[1:]]
        asked = replace(recall, sources=tuple(each for each in sources if each is not None))
        store = self._runtime.database.recall
        try:
            found = await store.recall(self._runtime.agent_id, asked)
        except DimensionMismatch as error:
            log.warning("recall goes by words alone", extra={"error_code": error.code, "reason": str(error)})
            words = replace(asked.query, embedding=None)
            found = await store.recall(self._runtime.agent_id, replace(asked, query=words))
        return _sorted(found if sources[0] is not None else [[], *found])

    def _beyond_window(self, past: RecallSource) -> RecallSource | None:
        """The room's past without what the turn reads anyway; None where there is no other."""
        context = self._context
        if context is None or len(context.messages) < self._runtime.get_conversation_length() or not context.messages:
            return None
        oldest = context.messages[0]
        return replace(past, which=replace(past.which, before=(required_created_at(oldest), oldest.id)))

    def _recall(self, vector: tuple[float, ...] | None = None) -> RecallQuery:
        runtime, message = self._runtime, self._message
        room, facts = (message.room_id,), MemoryType.FACT.value
        own = (knowledge_room_id(runtime.agent_id),)
        return RecallQuery(
            query=MemoryQuery(
                text=message.content.text[:QUERY_CHARACTERS],
                embedding=vector,
                model=runtime.embedding_model() if vector is not None else "",
            ),
            sources=(
                RecallSource(which=MemoryFilter(room_ids=room), limit=PAST_TURNS, neighbours=1),
                RecallSource(which=MemoryFilter(table=facts, room_ids=room), limit=FACTS),
                RecallSource(which=MemoryFilter(table=facts, entity_id=message.entity_id), limit=FACTS),
                RecallSource(which=MemoryFilter(table=MemoryType.FRAGMENT.value, room_ids=own), limit=PASSAGES),
                RecallSource(which=MemoryFilter(table=MemoryType.DOCUMENT.value), limit=PASSAGES),
            ),
        )


def _sorted(found: Sequence[Sequence[Hit]]) -> RecallResult:
    if not found:
        return NOTHING
    past, of_room, of_sender, passages, documents = found
    return RecallResult(
        past=tuple(past),
        facts=_best([*of_room, *of_sender], FACTS),
        passages=_best([*passages, *documents], PASSAGES),
    )


def _best(hits: Iterable[Hit], at_most: int) -> tuple[Hit, ...]:
    """Each memory once, best first; ties newest first."""
    unique = {hit.memory.id: hit for hit in hits}.values()
    order = sorted(
        unique, key=lambda hit: (hit.score, required_created_at(hit.memory), str(hit.memory.id)), reverse=True
    )
    return tuple(order[:at_most])


def within_budget(texts: Iterable[str], tokens: int) -> list[str]:
    """The leading texts that fit into a number of tokens, by estimate; the last one cut where it does not."""
    kept: list[str] = []
    left = tokens * _BYTES_FOR_A_TOKEN
    for text in texts:
        size = len(text.encode(errors="replace"))
        if size > left:
            cut = text.encode(errors="replace")[:left].decode(errors="ignore").rsplit(" ", 1)[0]
            return [*kept, f"{cut} …"] if len(cut) > _SHORTEST_CUT else kept
        kept.append(text)
        left -= size
    return kept


_SHORTEST_CUT = 80  # characters; less of a passage says nothing
