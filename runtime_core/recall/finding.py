"""Finding memories by a text or a vector: what a text's search goes by, and what happens without its embedding."""

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

QUERY_CHARACTERS = 8_000  # of a text, for its query: more says nothing new and costs time


class Finder(AgentData, Protocol):
    """What of a runtime is needed to find memories."""

    @property
    def embeds(self) -> bool: ...

    def get_setting(self, key: str, default: Any = None) -> Any:
        """As `AgentRuntime.get_setting`."""

    def embedding_model(self) -> str:
        """As `AgentRuntime.embedding_model`."""

    async def embed(self, texts: Sequence[str], *, max_retries: int | None = None) -> EmbeddingResponse:
        """As `AgentRuntime.embed`."""


async def find_hits(finder: Finder, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
    """Search by a vector, or by a text: by its words, and by its embedding where a plugin embeds.

    With RECALL=text, words alone. A text whose embedding is not to be had, or fits none that are stored, goes by its
    words alone too and says so in the log; with RECALL=hybrid that is an error.

    Raises:
        SettingsError: RECALL is hybrid, and no plugin embeds.
        ModelError: RECALL is hybrid, and the text could not be embedded.
        DimensionMismatch: The vector cannot be compared with the stored ones; of a text, with RECALL=hybrid.
    """
    search = finder.database.memories.search
    if not query.text.strip():
        return await search(finder.agent_id, query, which)
    words = replace(query, text=query.text[:QUERY_CHARACTERS])
    must_embed = finder.get_setting("RECALL") == "hybrid"
    if must_embed and not finder.embeds:
        raise SettingsError(
            "RECALL is 'hybrid', but no plugin embeds here: add one that answers TEXT_EMBEDDING, or set RECALL to text",
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
        log.warning("search goes by words alone", extra={"error_code": error.code, "reason": str(error)})
        return await search(finder.agent_id, words, which)
