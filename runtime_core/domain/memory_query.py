"""What a search of memories is for, and where it looks."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """Which memories are meant; fields left empty do not restrict.

    Attributes:
        table: One table; None is all of them.
        room_ids: Any of these rooms.
        start: Earliest `created_at`, inclusive.
        end: Latest `created_at`, exclusive.
        before: Only memories ordered before this (created_at, id): the cursor of a page.
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
    """What a search is for: words, a vector, or both (then the two rankings are fused).

    Attributes:
        text: Words; stemmed, any of them may match, more and rarer ones rank higher.
        embedding: Vector of shape `(dim,)`, compared with the embeddings of `model`.
        model: Name of the embedding model that made `embedding`.
        match_threshold: Least cosine similarity of a memory found only by its vector, in [-1, 1].
        limit: Most hits wanted, 1 to 100.
        neighbours: Memories wanted with each hit from its room and table, so many before and so many after it.
    """

    text: str = ""
    embedding: tuple[float, ...] | None = None
    model: str = ""
    match_threshold: float | None = None
    limit: int = 10
    neighbours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSource:
    """One place to look, the most hits wanted from it, and how many neighbours on either side of each."""

    which: MemoryFilter
    limit: int = 5
    neighbours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """One query to several sources; their `limit` and `neighbours` count, not the query's."""

    query: MemoryQuery
    sources: tuple[RecallSource, ...]
