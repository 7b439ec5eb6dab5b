"""Quality of the fused ranking on a small labelled set with real word vectors."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from runtime_core.testing import Scene
from tests.bench.recall import HELD_OUT, Labelled, recall_at


@pytest.fixture
async def database(adapter: DatabaseAdapter) -> AsyncIterator[DatabaseAdapter]:
    await adapter.migrate()
    yield adapter
    await adapter.close()


async def test_words_and_vectors_together_find_more_than_either_alone(database: DatabaseAdapter) -> None:
    found = await recall_at(database, Labelled.read())
    fused = found["fused", "all"]
    assert fused > found["vector", "all"]
    assert fused > found["text", "all"]
    assert all(found["fused", kind] >= found["vector", kind] for kind in ("exact", "meaning", "mixed"))
    assert fused >= 0.95


async def test_fused_finds_more_than_either_alone_on_texts_it_was_not_tuned_on(database: DatabaseAdapter) -> None:
    found = await recall_at(database, Labelled.read(HELD_OUT))
    assert found["fused", "all"] > found["vector", "all"] > found["text", "all"]


async def test_accents_count_on_postgres_and_not_on_sqlite(database: DatabaseAdapter) -> None:
    """Check the behaviour that docs/databases.md describes."""
    scene = Scene()
    await database.memories.create(scene.agent_id, [scene.memory("My favourite composer is Fauré")])
    hits = await database.memories.search(scene.agent_id, MemoryQuery(text="Faure"), MemoryFilter())
    assert len(hits) == (1 if isinstance(database, SqliteAdapter) else 0)


@pytest.mark.parametrize(
    ("said", "asked"),
    [("Two foxes ran home", "a fox was running"), ("She bakes bread", "baking"), ("We visited cities", "visit a city")],
)
async def test_plurals_and_tenses_match(database: DatabaseAdapter, said: str, asked: str) -> None:
    scene = Scene()
    await database.memories.create(scene.agent_id, [scene.memory(said), scene.memory("Nothing to do with it")])
    hits = await database.memories.search(scene.agent_id, MemoryQuery(text=asked), MemoryFilter())
    assert [hit.memory.content.text for hit in hits] == [said]


def _on_an_arc(angle: float) -> tuple[float, ...]:
    """Return a 256-dimensional vector at an angle, in a plane that spans all dimensions."""
    return tuple(math.cos(angle) * math.sin(n * n) + math.sin(angle) * math.cos(n * n) for n in range(256))


async def test_among_many_memories_the_filter_holds_and_the_nearest_are_found(database: DatabaseAdapter) -> None:
    """Exceed the exact scan: the index on Postgres, signs before distances on SQLite."""
    scene, other = Scene(), Scene()
    spread = [_on_an_arc(n / 2600) for n in range(5200)]
    memories = [
        scene.memory(
            f"{'rare' if n == 4321 else 'common'} thing {n}",
            embedding=vector,
            room_id=other.room_id if n % 50 == 0 else scene.room_id,
        )
        for n, vector in enumerate(spread)
    ]
    for start in range(0, len(memories), 700):
        await database.memories.create(scene.agent_id, memories[start : start + 700], embedding_model="m")
    near = _on_an_arc(-1)
    for room_id, expected in ((scene.room_id, [1, 2, 3, 4, 5]), (other.room_id, [0, 50, 100, 150, 200])):
        which = MemoryFilter(room_ids=(room_id,))
        query = MemoryQuery(embedding=near, model="m", limit=5)
        hits = await database.memories.search(scene.agent_id, query, which)
        assert [hit.memory.id for hit in hits] == [memories[n].id for n in expected]
    query = MemoryQuery(text="the rare and common one", embedding=near, model="m", limit=5)
    hits = await database.memories.search(scene.agent_id, query, MemoryFilter(room_ids=(scene.room_id,)))
    assert memories[4321].id in {hit.memory.id for hit in hits}
    words = await database.memories.search(scene.agent_id, MemoryQuery(text="rare common"), MemoryFilter())
    assert words[0].memory.id == memories[4321].id
