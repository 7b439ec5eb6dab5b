"""SQLite memory search: rankings by words and by vector, fused into one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import Row, fetch_all, fetch_one
from runtime_core.adapters.sqlite.memory_filter import apply_filter
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_json, as_text, as_vector, read
from runtime_core.adapters.sqlite.words import any_word
from runtime_core.domain.memory import Hit, Memory, required_created_at
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.errors import DimensionMismatch
from runtime_core.ports import MemoryFilter, MemoryQuery

# Constant k of reciprocal rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009). The authors' 60 suits long rankings:
# with it, first place would score hardly more than twentieth.
FUSION_K = 20
_TIE = 0.8  # fraction of a score that counts as equal: texts that share a frequent word differ only by length
_EXACT_LIMIT = 5_000  # memories that pass the filter; up to this many are all compared exactly
_MIN_SIGNS = 128  # dimensions; fewer signs say too little about the direction of a vector
_CANDIDATES = 12  # candidates compared exactly per wanted result, because signs rank only roughly
_FIRST_SCAN = 3  # vectors scanned per candidate: one scan suffices when the filter passes half of them
_SCAN_GROWTH = 8  # factor of the next scan when too few have passed


def search_memories(connection: apsw.Connection, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
    """Implement `MemoryStore.search` in the caller's transaction."""
    depth = max(5 * query.limit, 50)  # of each ranking, enough for a stable fused order
    rankings = [
        _rank_by_words(connection, agent_id, query, which, depth),
        {each: place for place, each in enumerate(_rank_by_vector(connection, agent_id, query, which, depth), start=1)},
    ]
    scores = _fuse(rankings)
    values = {
        "agent_id": str(agent_id),
        "positions": as_json(list(scores)),
        "vector": as_vector(query.embedding) if query.embedding is not None else None,
        "model": query.model,
    }
    found = fetch_all(connection, QUERIES["ranked_memories"], values)
    found.sort(key=lambda row: (scores[row["position"]], row["created_at"], row["id"]), reverse=True)
    hits = [_read_hit(row, scores) for row in found[: query.limit]]
    return [_add_neighbours(connection, agent_id, hit, query.neighbours) for hit in hits]


def recall_memories(connection: apsw.Connection, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
    """Search each source as `RecallStore.recall` promises, inside the caller's transaction."""
    return [
        search_memories(
            connection,
            agent_id,
            replace(recall.query, limit=source.limit, neighbours=source.neighbours),
            source.which,
        )
        for source in recall.sources
    ]


def check_dimensions(connection: apsw.Connection, agent_id: UUID, model: str, dimensions: Set[int]) -> None:
    """Check that an agent's embeddings of one model have one dimension.

    Raises:
        DimensionMismatch: The dimensions differ; names them and the model.
    """
    found = _dimensions(connection, agent_id, model)
    if len(found | dimensions) > 1:
        raise DimensionMismatch(
            f"vectors of {sorted(dimensions)} dimensions do not fit "
            f"the embeddings of model {model!r}, which have {sorted(found) or 'none yet'}"
        )


def _dimensions(connection: apsw.Connection, agent_id: UUID, model: str) -> set[int]:
    stored = fetch_one(connection, QUERIES["other_dimension"], {"agent_id": str(agent_id), "model": model})
    return {each for each in stored.values() if each is not None}


def _check_model(connection: apsw.Connection, agent_id: UUID, model: str) -> None:
    """Check that the model has embeddings to compare.

    An agent without any embeddings passes.

    Raises:
        DimensionMismatch: The agent has embeddings of another model only.
    """
    if _dimensions(connection, agent_id, model):
        return
    others = fetch_one(connection, QUERIES["other_model"], {"agent_id": str(agent_id), "model": model})["model"]
    if others is not None:
        raise DimensionMismatch(
            f"the agent has no embeddings of model {model!r}, only of {others!r}: run `mayfly backfill --model {model}`"
        )


def _rank_by_words(
    connection: apsw.Connection, agent_id: UUID, query: MemoryQuery, which: MemoryFilter, depth: int
) -> dict[int, int]:
    """Rank each memory that contains any of the words.

    The rank is the number of memories with a similar or better score. Memories that share a word all have the last
    place among them, so a frequent word does not outvote a near vector.
    """
    words = any_word(query.text)
    if not words:
        return {}
    sql, values = apply_filter(QUERIES["rank_by_words"], agent_id, which)
    found = fetch_all(connection, sql, values | {"words": words, "depth": depth})
    if query.embedding is None:
        return {row["position"]: place for place, row in enumerate(found, start=1)}
    scores = [-row["badness"] for row in found]  # descending
    places = [sum(other >= _TIE * score for other in scores) for score in scores]
    return {row["position"]: place for row, place in zip(found, places, strict=True)}


def _rank_by_vector(
    connection: apsw.Connection, agent_id: UUID, query: MemoryQuery, which: MemoryFilter, depth: int
) -> list[int]:
    if query.embedding is None:
        return []
    check_dimensions(connection, agent_id, query.model, {len(query.embedding)})
    _check_model(connection, agent_id, query.model)
    more = {
        "agent_id": str(agent_id),
        "vector": as_vector(query.embedding),
        "model": query.model,
        "dimension": len(query.embedding),
        "match_threshold": query.match_threshold,
        "depth": depth,
    }
    if _has_signs(len(query.embedding)) and _exceeds_exact_limit(connection, agent_id, which):
        return _rank_by_signs(connection, agent_id, which, more)
    sql, values = apply_filter(QUERIES["rank_by_nearness"], agent_id, which)
    return [row["position"] for row in fetch_all(connection, sql, values | more)]


def _has_signs(dimension: int) -> bool:
    return dimension >= _MIN_SIGNS and dimension % 8 == 0


def _exceeds_exact_limit(connection: apsw.Connection, agent_id: UUID, which: MemoryFilter) -> bool:
    sql, values = apply_filter(QUERIES["count_some_memories"], agent_id, which)
    return bool(fetch_one(connection, sql, values | {"most": _EXACT_LIMIT + 1})["number"] > _EXACT_LIMIT)


def _rank_by_signs(connection: apsw.Connection, agent_id: UUID, which: MemoryFilter, more: dict[str, Any]) -> list[int]:
    """Compare exactly the vectors with near signs.

    The scan widens until enough of them pass the filter.
    """
    sql, values = apply_filter(QUERIES["rank_nearest"], agent_id, which)
    depth, threshold = more["depth"], more["match_threshold"]
    enough = _CANDIDATES * depth
    most = _FIRST_SCAN * enough
    while True:
        nearest = fetch_all(connection, QUERIES["nearest_by_signs"], more | {"most": most})
        numbers = as_json([row["number"] for row in nearest])
        found = fetch_all(connection, sql, values | more | {"numbers": numbers, "enough": enough})
        if len(found) == enough or len(nearest) < most:
            return [row["position"] for row in found[:depth] if _is_near(row["distance"], threshold)]
        most *= _SCAN_GROWTH


def _is_near(distance: float | None, threshold: float | None) -> bool:
    """Check a distance against the threshold; a zero vector has no distance."""
    return distance is not None and (threshold is None or 1 - distance >= threshold)


def _fuse(rankings: Sequence[Mapping[int, int]]) -> dict[int, float]:
    """Sum 1 / (k + place) over the rankings of each memory."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for position, place in ranking.items():
            scores[position] += 1 / (FUSION_K + place)
    return dict(scores)


def _add_neighbours(connection: apsw.Connection, agent_id: UUID, hit: Hit, at_most: int) -> Hit:
    if not at_most:
        return hit
    memory = hit.memory
    values = {
        "agent_id": str(agent_id),
        "room_id": str(memory.room_id),
        "table_name": memory.table,
        "created_at": as_text(required_created_at(memory)),
        "id": str(memory.id),
        "at_most": at_most,
    }
    before = [read(Memory, row) for row in fetch_all(connection, QUERIES["memories_before"], values)]
    after = [read(Memory, row) for row in fetch_all(connection, QUERIES["memories_after"], values)]
    return replace(hit, before=tuple(reversed(before)), after=tuple(after))


def _read_hit(row: Row, scores: dict[int, float]) -> Hit:
    similarity = row["similarity"]
    return Hit(
        memory=read(Memory, row),
        score=scores[row["position"]],
        similarity=None if similarity is None else max(-1.0, min(1.0, similarity)),
    )
