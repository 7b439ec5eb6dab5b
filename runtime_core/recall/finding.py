"""Search of memories by text or vector, with a fallback to words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from runtime_core.domain.chat import EmbeddingResponse
from runtime_core.domain.memory import Hit
from runtime_core.domain.memory_query import MemoryFilter, MemoryQuery
from runtime_core.errors import DimensionMismatch, ModelError, SettingsError
from runtime_core.ports import AgentData

log = logging.getLogger(__name__)

QUERY_CHARACTERS = 8_000  # of a text used as a query: more adds latency, not relevance


class Finder(AgentData, Protocol):
    """The part of a runtime that a search needs."""

    @property
    def embeds(self) -> bool: ...

    def get_setting(self, key: str, default: Any = None) -> Any:
        """See `AgentRuntime.get_setting`."""

    def embedding_model(self) -> str:
        """See `AgentRuntime.embedding_model`."""

    async def embed(self, texts: Sequence[str], *, max_retries: int | None = None) -> EmbeddingResponse:
        """See `AgentRuntime.embed`."""


async def find_hits(finder: Finder, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
    """Search memories by a vector, or by a text and its embedding.

    A text is searched by words only if RECALL is text or no plugin embeds. If its embedding fails or has another
    dimension than the stored vectors, the search falls back to words and logs a warning; with RECALL=hybrid that is
    an error.

    Raises:
        SettingsError: RECALL is hybrid, and no plugin embeds.
        ModelError: RECALL is hybrid, and embedding the text failed.
        DimensionMismatch: The vector has another dimension than the stored ones; for a text, only with RECALL=hybrid.
    """
    search = finder.database.memories.search
    if not query.text.strip():
        return await search(finder.agent_id, query, which)
    words = replace(query, text=query.text[:QUERY_CHARACTERS])
    must_embed = finder.get_setting("RECALL") == "hybrid"
    if must_embed and not finder.embeds:
        raise SettingsError(
            "RECALL is 'hybrid', but no plugin embeds: add a plugin for TEXT_EMBEDDING, or set RECALL to text",
            name="RECALL",
        )
    if not finder.embeds or finder.get_setting("RECALL") == "text":
        return await search(finder.agent_id, words, which)
    try:
        response = await finder.embed([words.text])
        both = replace(words, embedding=response.vectors[0], model=finder.embedding_model())
        return await search(finder.agent_id, both, which)
    except (ModelError, DimensionMismatch) as error:
        if must_embed:
            raise
        log.warning("search fell back to words", extra={"error_code": error.code, "reason": str(error)})
        return await search(finder.agent_id, words, which)
