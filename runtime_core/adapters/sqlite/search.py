"""Searching memories on SQLite: by words, by nearness, and the two rankings fused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import Row, one, rows
from runtime_core.adapters.sqlite.memory_filter import filtered
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_json, as_text, as_vector, read
from runtime_core.adapters.sqlite.words import any_word
from runtime_core.domain.memory import Hit, Memory, required_created_at
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.errors import DimensionMismatch
from runtime_core.ports import MemoryFilter, MemoryQuery

# Of reciprocal rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009). Its authors' 60 is for long rankings: a first place
# would count little more than a twentieth.
FUSION_K = 20
_AS_GOOD = 0.8  # of a score: what shares a frequent word scores alike, but for the lengths of the texts
_FEW = 5_000  # memories that pass a filter: so many are compared one by one
_LEAST_SIGNS = 128  # dimensions; the signs of fewer say too little about where a vector points
_ENOUGH = 12  # times as many as are wanted pass the filter and are compared, for the signs rank but roughly
_FIRST_LOOK = 3  # times as many are looked at as have to pass: a filter of a half is met at once
_STEP = 8  # times as many are looked at when too few have passed


def search_memories(connection: apsw.Connection, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
    """Search as `MemoryStore.search` promises, inside the caller's transaction."""
    depth = max(5 * query.limit, 50)  # of each ranking, enough for the fused order to settle
    rankings = [
        _places_by_words(connection, agent_id, query, which, depth),
        {each: place for place, each in enumerate(_by_nearness(connection, agent_id, query, which, depth), start=1)},
    ]
    scores = _fused(rankings)
    values = {
        "agent_id": str(agent_id),
        "positions": as_json(list(scores)),
        "vector": as_vector(query.embedding) if query.embedding is not None else None,
        "model": query.model,
    }
    found = rows(connection, QUERIES["ranked_memories"], values)
    found.sort(key=lambda row: (scores[row["position"]], row["created_at"], row["id"]), reverse=True)
    hits = [_hit(row, scores) for row in found[: query.limit]]
    return [_with_neighbours(connection, agent_id, hit, query.neighbours) for hit in hits]


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
    """Make sure that an agent's embeddings of one model have one dimension.

    Raises:
        DimensionMismatch: Names the model and the dimensions.
    """
    found = _dimensions(connection, agent_id, model)
    if len(found | dimensions) > 1:
        raise DimensionMismatch(
            f"vectors of {sorted(dimensions)} dimensions do not fit "
            f"the embeddings of model {model!r}, which have {sorted(found) or 'none yet'}"
        )


def _dimensions(connection: apsw.Connection, agent_id: UUID, model: str) -> set[int]:
    stored = one(connection, QUERIES["other_dimension"], {"agent_id": str(agent_id), "model": model})
    return {each for each in stored.values() if each is not None}


def _check_model(connection: apsw.Connection, agent_id: UUID, model: str) -> None:
    """Make sure that a vector of this model has others to be compared with, unless nothing was embedded yet."""
    if _dimensions(connection, agent_id, model):
        return
    others = one(connection, QUERIES["other_model"], {"agent_id": str(agent_id), "model": model})["model"]
    if others is not None:
        raise DimensionMismatch(
            f"the agent has no embeddings of model {model!r}, only of {others!r}: run `mayfly backfill --model {model}`"
        )


def _places_by_words(
    connection: apsw.Connection, agent_id: UUID, query: MemoryQuery, which: MemoryFilter, depth: int
) -> dict[int, int]:
    """Give the place of each memory that holds any of the words: how many are about as good, or better.

    Many that share a word are all at the last place among them, so a frequent word does not outvote a near vector.
    """
    words = any_word(query.text)
    if not words:
        return {}
    sql, values = filtered(QUERIES["rank_by_words"], agent_id, which)
    found = rows(connection, sql, values | {"words": words, "depth": depth})
    if query.embedding is None:
        return {row["position"]: place for place, row in enumerate(found, start=1)}
    scores = [-row["badness"] for row in found]  # descending
    places = [sum(other >= _AS_GOOD * score for other in scores) for score in scores]
    return {row["position"]: place for row, place in zip(found, places, strict=True)}


def _by_nearness(
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
    if _has_signs(len(query.embedding)) and _are_many(connection, agent_id, which):
        return _nearest_by_signs(connection, agent_id, which, more)
    sql, values = filtered(QUERIES["rank_by_nearness"], agent_id, which)
    return [row["position"] for row in rows(connection, sql, values | more)]


def _has_signs(dimension: int) -> bool:
    return dimension >= _LEAST_SIGNS and dimension % 8 == 0


def _are_many(connection: apsw.Connection, agent_id: UUID, which: MemoryFilter) -> bool:
    sql, values = filtered(QUERIES["count_some_memories"], agent_id, which)
    return bool(one(connection, sql, values | {"most": _FEW + 1})["number"] > _FEW)


def _nearest_by_signs(
    connection: apsw.Connection, agent_id: UUID, which: MemoryFilter, more: dict[str, Any]
) -> list[int]:
    """Compare only those whose signs are near, more of them until enough have passed the filter."""
    sql, values = filtered(QUERIES["rank_nearest"], agent_id, which)
    depth, threshold = more["depth"], more["match_threshold"]
    enough = _ENOUGH * depth
    most = _FIRST_LOOK * enough
    while True:
        nearest = rows(connection, QUERIES["nearest_by_signs"], more | {"most": most})
        numbers = as_json([row["number"] for row in nearest])
        found = rows(connection, sql, values | more | {"numbers": numbers, "enough": enough})
        if len(found) == enough or len(nearest) < most:
            return [row["position"] for row in found[:depth] if _is_near(row["distance"], threshold)]
        most *= _STEP


def _is_near(distance: float | None, threshold: float | None) -> bool:
    """Whether a distance counts; a vector of length zero is near nothing."""
    return distance is not None and (threshold is None or 1 - distance >= threshold)


def _fused(rankings: Sequence[Mapping[int, int]]) -> dict[int, float]:
    """Score each memory 1 / (k + place) in every ranking that holds it."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for position, place in ranking.items():
            scores[position] += 1 / (FUSION_K + place)
    return dict(scores)


def _with_neighbours(connection: apsw.Connection, agent_id: UUID, hit: Hit, at_most: int) -> Hit:
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
    before = [read(Memory, row) for row in rows(connection, QUERIES["memories_before"], values)]
    after = [read(Memory, row) for row in rows(connection, QUERIES["memories_after"], values)]
    return replace(hit, before=tuple(reversed(before)), after=tuple(after))


def _hit(row: Row, scores: dict[int, float]) -> Hit:
    similarity = row["similarity"]
    return Hit(
        memory=read(Memory, row),
        score=scores[row["position"]],
        similarity=None if similarity is None else max(-1.0, min(1.0, similarity)),
    )
