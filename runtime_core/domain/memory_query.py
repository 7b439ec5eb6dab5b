"""Filters and queries for searching memories."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """A filter of memories; empty fields do not restrict.

    Attributes:
        table: One table; None selects all tables.
        room_ids: Memories in any of these rooms.
        start: Earliest `created_at`, inclusive.
        end: Latest `created_at`, exclusive.
        before: Only memories before this (created_at, id); the cursor for paging.
    """

    table: str | None = "messages"
    room_ids: tuple[UUID, ...] = ()
    entity_id: UUID | None = None
    world_id: UUID | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    before: tuple[AwareDatetime, UUID] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryQuery:
    """A search by words, a vector, or both with fused rankings.

    Attributes:
        text: Words, stemmed. A memory matches on any word; more and rarer matching words rank higher.
        embedding: Vector of shape `(dim,)`, compared with the embeddings of `model`.
        model: Name of the model that made `embedding`.
        match_threshold: Minimum cosine similarity, in [-1, 1], of a memory found only by its vector.
        limit: Maximum number of hits, 1 to 100.
        neighbours: Memories returned before each hit, and as many after it, from its room and table.
    """

    text: str = ""
    embedding: tuple[float, ...] | None = None
    model: str = ""
    match_threshold: float | None = None
    limit: int = 10
    neighbours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSource:
    """One source of a recall: filter, maximum hits, and neighbours per side."""

    which: MemoryFilter
    limit: int = 5
    neighbours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """One query over several sources, whose `limit` and `neighbours` replace the query's."""

    query: MemoryQuery
    sources: tuple[RecallSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallResult:
    """The memories found, best first.

    Attributes:
        past: Messages of the room older than the turn's conversation window, each with its neighbours.
    """

    past: tuple[Hit, ...] = ()
    facts: tuple[Hit, ...] = ()
    passages: tuple[Hit, ...] = ()


NO_RESULT = RecallResult()
