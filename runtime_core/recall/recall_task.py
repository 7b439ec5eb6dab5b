"""Recall of older turns, facts and passages relevant to a message.

In mode `text`, the statement that claims the turn also runs the search, without another round trip. In mode `hybrid`,
the message is embedded concurrently with the claim, under a deadline, and one query follows; if the embedding fails,
that query falls back to words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Hit, Memory, MemoryType, required_created_at
from runtime_core.domain.memory_query import (
    NO_RESULT,
    MemoryFilter,
    MemoryQuery,
    RecallQuery,
    RecallResult,
    RecallSource,
)
from runtime_core.domain.run import TurnContext
from runtime_core.errors import DimensionMismatch, MayflyError, SettingsError
from runtime_core.recall.finding import QUERY_CHARACTERS
from runtime_core.settings import Settings
from runtime_core.support.deadline import within

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

log = logging.getLogger(__name__)

PAST_TURNS = 4
FACTS = 8
PASSAGES = 5
_BYTES_FOR_A_TOKEN = 4  # an estimate: a tokenizer costs more time than it saves


class RecallMode(StrEnum):
    """The values of RECALL: off, words only, or words and embeddings."""

    OFF = "off"
    TEXT = "text"
    HYBRID = "hybrid"


def recall_mode(runtime: Context) -> RecallMode:
    """Read the setting RECALL.

    By default it is `hybrid` if EMBEDDING_MODEL is set and a plugin embeds, else `text`.

    Raises:
        SettingsError: The value is unknown, or `hybrid` and no plugin embeds.
    """
    given = runtime.get_setting("RECALL")
    if given in (None, ""):
        return RecallMode.HYBRID if runtime.embeds and _is_embedding_model_set(runtime) else RecallMode.TEXT
    if given not in [*RecallMode]:
        raise SettingsError(f"RECALL is {given!r}: set it to off, text or hybrid", name="RECALL")
    mode = RecallMode(given)
    if mode is RecallMode.HYBRID and not runtime.embeds:
        raise SettingsError(
            "RECALL is 'hybrid', but no plugin embeds: add a plugin for TEXT_EMBEDDING, or set RECALL to text",
            name="RECALL",
        )
    return mode


def _is_embedding_model_set(runtime: Context) -> bool:
    """Whether the deployment or the agent sets EMBEDDING_MODEL, even to its default."""
    default = Settings.model_fields["embedding_model"].default
    return "embedding_model" in runtime.settings.model_fields_set or runtime.get_setting("EMBEDDING_MODEL") != default


def knowledge_room_id(agent_id: UUID) -> UUID:
    """Return the id of the room that holds the agent's documents."""
    return string_to_uuid(f"{agent_id}:knowledge")


class RecallTask:
    """The recall of one message, closed at the end of its turn.

    Attributes:
        claim_query: Query for `TurnStart.recall`; None if the claim runs no search.
    """

    def __init__(self, runtime: Context, message: Memory, mode: RecallMode) -> None:
        self._runtime = runtime
        self._message = message
        self._mode = mode if message.content.text.strip() else RecallMode.OFF
        self._context: TurnContext | None = None
        self._embedding: asyncio.Task[tuple[float, ...] | None] | None = None
        self._found: asyncio.Task[RecallResult] | None = None
        self._claimed: RecallResult | None = None  # what the claim found, grouped
        self.claim_query = self._make_query() if self._mode is RecallMode.TEXT else None
        if self._mode is RecallMode.HYBRID:
            self._embedding = asyncio.create_task(self._embed(), name="recall: embedding")

    @property
    def message_id(self) -> UUID:
        return self._message.id

    def set_context(self, context: TurnContext) -> None:
        """Use the messages and hits of the claim."""
        self._context = context

    async def get(self) -> RecallResult:
        """Return the result; the search runs once, on the first call.

        Raises:
            StoreError: The search failed.
        """
        if self._mode is RecallMode.OFF:
            return NO_RESULT
        if self._context is not None and self.claim_query is not None:
            if self._claimed is None:
                self._claimed = _group_hits(self._context.recalled)
            return self._claimed
        if self._found is None:
            self._found = asyncio.create_task(self._search(), name="recall: search")
        return await asyncio.shield(self._found)

    async def close(self) -> None:
        """Cancel the embedding and the search if they still run."""
        tasks = [each for each in (self._embedding, self._found) if each is not None]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _embed(self) -> tuple[float, ...] | None:
        """Embed the query; None if the call fails or exceeds `recall_timeout_s`."""
        runtime = self._runtime
        try:
            async with within(runtime.settings.recall_timeout_s, "the embedding of the message"):
                response = await runtime.embed([self._message.content.text[:QUERY_CHARACTERS]], max_retries=0)
        except MayflyError as error:
            log.warning("recall fell back to words", extra={"error_code": error.code, "reason": str(error)})
            return None
        return response.vectors[0]

    async def _search(self) -> RecallResult:
        vector = await self._embedding if self._embedding is not None else None
        recall = self._make_query(vector)
        sources = [self._restrict_to_past(recall.sources[0]), *recall.sources[1:]]
        asked = replace(recall, sources=tuple(each for each in sources if each is not None))
        store = self._runtime.database.recall
        try:
            found = await store.recall(self._runtime.agent_id, asked)
        except DimensionMismatch as error:
            log.warning("recall fell back to words", extra={"error_code": error.code, "reason": str(error)})
            words = replace(asked.query, embedding=None)
            found = await store.recall(self._runtime.agent_id, replace(asked, query=words))
        return _group_hits(found if sources[0] is not None else [[], *found])

    def _restrict_to_past(self, past: RecallSource) -> RecallSource | None:
        """Restrict the room's past to messages before the conversation window.

        Returns:
            None if there are none.
        """
        context = self._context
        if context is None or len(context.messages) < self._runtime.get_conversation_length() or not context.messages:
            return None
        oldest = context.messages[0]
        return replace(past, which=replace(past.which, before=(required_created_at(oldest), oldest.id)))

    def _make_query(self, vector: tuple[float, ...] | None = None) -> RecallQuery:
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


def _group_hits(found: Sequence[Sequence[Hit]]) -> RecallResult:
    if not found:
        return NO_RESULT
    past, of_room, of_sender, passages, documents = found
    return RecallResult(
        past=tuple(past),
        facts=_select_best([*of_room, *of_sender], FACTS),
        passages=_select_best([*passages, *documents], PASSAGES),
    )


def _select_best(hits: Iterable[Hit], at_most: int) -> tuple[Hit, ...]:
    """Select the best hits, each memory once; ties are newest first."""
    unique = {hit.memory.id: hit for hit in hits}.values()
    order = sorted(
        unique, key=lambda hit: (hit.score, required_created_at(hit.memory), str(hit.memory.id)), reverse=True
    )
    return tuple(order[:at_most])


def fit_budget(texts: Iterable[str], tokens: int) -> list[str]:
    """Take the leading texts within an estimated token budget, truncating the last."""
    kept: list[str] = []
    left = tokens * _BYTES_FOR_A_TOKEN
    for text in texts:
        size = len(text.encode(errors="replace"))
        if size > left:
            cut = text.encode(errors="replace")[:left].decode(errors="ignore").rsplit(" ", 1)[0]
            return [*kept, f"{cut} …"] if len(cut) > _MIN_CUT else kept
        kept.append(text)
        left -= size
    return kept


_MIN_CUT = 80  # characters; a shorter part of a passage is useless
