"""Embeddings in Postgres: wanted marks, and vector search in every dimension."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.memory import Content
from runtime_core.errors import InvalidRecord
from runtime_core.ports import MemoryFilter, MemoryQuery
from runtime_core.testing import Scene

pytestmark = pytest.mark.postgres

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
WANTED = "select content ->> 'text', embedding_priority from memories where embedding_wanted_at is not null"
EMBEDDED = "select model, dimension, content_hash from embeddings"
SHA256_OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
INDEXED_DIMENSIONS = (256, 384, 512, 768, 1024, 1536, 3072)


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def read_wanted(url: str) -> dict[str, str]:
    return dict(await rows(url, WANTED))


def point(angle: float, dimension: int) -> tuple[float, ...]:
    """Create a unit vector at an angle; half precision keeps three digits."""
    return (math.cos(angle), math.sin(angle), *([0.0] * (dimension - 2)))


async def test_a_message_and_its_answers_are_marked_with_the_turns_priorities(
    postgres: PostgresAdapter, postgres_url: str
) -> None:
    scene = Scene()
    start = scene.start("Question", embedding_priority="high")
    context = await postgres.turns.begin(start)
    answers = (scene.memory("Answer", created_at=NOON), scene.memory("", created_at=NOON))
    await postgres.turns.finish(scene.end(start, context, answers=answers, embedding_priority="low"))
    await scene.play(postgres, "Unmarked")
    assert await read_wanted(postgres_url) == {"Question": "high", "Answer": "low"}


async def test_only_memories_without_an_embedding_are_marked(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    memories = [scene.memory("hello", embedding=(1.0, 0.0)), scene.memory("bare")]
    await postgres.memories.create(scene.agent_id, memories, embedding_model="m", embedding_priority="normal")
    assert await read_wanted(postgres_url) == {"bare": "normal"}
    assert await rows(postgres_url, EMBEDDED) == [("m", 2, SHA256_OF_HELLO)]


async def test_a_changed_text_wants_its_embedding_again(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    memories = [scene.memory(text, embedding=(1.0, 0.0)) for text in ("one", "two")] + [scene.memory("never embedded")]
    await postgres.memories.create(scene.agent_id, memories, embedding_model="m")
    changes = [replace(each, content=Content(text=each.content.text + "!")) for each in (memories[0], memories[2])]
    await postgres.memories.update(scene.agent_id, [*changes, replace(memories[1], metadata={"seen": True})])
    assert await read_wanted(postgres_url) == {"one!": "normal"}


async def test_deleting_a_memory_deletes_its_embedding(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    memory = scene.memory(embedding=(1.0, 0.0))
    await postgres.memories.create(scene.agent_id, [memory], embedding_model="m")
    await postgres.memories.delete(scene.agent_id, [memory.id])
    assert await rows(postgres_url, EMBEDDED) == []


@pytest.mark.parametrize("vector", [(), (float("nan"), 1.0), (float("inf"), 1.0)])
async def test_an_invalid_vector_is_refused(postgres: PostgresAdapter, vector: tuple[float, ...]) -> None:
    scene = Scene()
    with pytest.raises(InvalidRecord):
        await postgres.memories.create(scene.agent_id, [scene.memory(embedding=vector)], embedding_model="m")
    with pytest.raises(InvalidRecord):
        await postgres.memories.search(scene.agent_id, MemoryQuery(embedding=vector, model="m"), MemoryFilter())
    assert await postgres.memories.count(scene.agent_id, MemoryFilter(table=None)) == 0


async def test_an_embedding_without_its_model_is_refused(postgres: PostgresAdapter) -> None:
    scene = Scene()
    with pytest.raises(InvalidRecord, match="name of the model"):
        await postgres.memories.create(scene.agent_id, [scene.memory(embedding=(1.0,))])


async def test_a_vector_of_length_zero_is_near_nothing(postgres: PostgresAdapter) -> None:
    scene = Scene()
    memories = [scene.memory("zero", embedding=(0.0, 0.0)), scene.memory("one", embedding=(1.0, 0.0))]
    await postgres.memories.create(scene.agent_id, memories, embedding_model="m")
    query = MemoryQuery(embedding=(1.0, 0.0), model="m")
    hits = await postgres.memories.search(scene.agent_id, query, MemoryFilter())
    assert [hit.memory.content.text for hit in hits] == ["one"]


@pytest.mark.parametrize("dimension", [2, 7, *INDEXED_DIMENSIONS, 2500])
async def test_the_nearest_come_first_in_every_dimension(postgres: PostgresAdapter, dimension: int) -> None:
    scene = Scene()
    memories = [scene.memory(f"{n}", embedding=point(n / 10, dimension)) for n in range(10)]
    await postgres.memories.create(scene.agent_id, memories, embedding_model="m")
    query = MemoryQuery(embedding=point(0.31, dimension), model="m", limit=3)
    hits = await postgres.memories.search(scene.agent_id, query, MemoryFilter())
    assert [hit.memory.content.text for hit in hits] == ["3", "4", "2"]
    assert [hit.similarity for hit in hits] == [pytest.approx(math.cos(turn), abs=1e-6) for turn in (0.01, 0.09, 0.11)]


@pytest.mark.parametrize("dimension", INDEXED_DIMENSIONS)
async def test_a_usual_dimension_has_an_index_that_its_search_can_use(postgres_url: str, dimension: int) -> None:
    kind = f"{'halfvec' if dimension == 3072 else 'vector'}({dimension})"
    query = f"select memory_id from embeddings where dimension = {dimension}"  # noqa: S608 - constant numbers
    order = f"order by vector::{kind} <=> '{[1.0] * dimension}'::{kind} limit 5"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("set enable_seqscan = off; set enable_sort = off")
    plan = "\n".join(row[0] for row in await connection.fetch(f"explain {query} {order}"))
    await connection.close()
    assert f"Index Scan using embeddings_near_{dimension}" in plan


async def test_a_filtered_search_finds_its_few_among_many_that_are_nearer(postgres: PostgresAdapter) -> None:
    crowd, scene = Scene(), Scene()
    for agent, angle, count in ((crowd, 0.0, 500), (scene, 1.0, 5)):
        memories = [agent.memory(f"{n}", embedding=point(angle + n / 1e4, 256)) for n in range(count)]
        await postgres.memories.create(agent.agent_id, memories, embedding_model="m")
    query = MemoryQuery(embedding=point(0.0, 256), model="m", limit=5)
    hits = await postgres.memories.search(scene.agent_id, query, MemoryFilter(room_ids=(scene.room_id,)))
    assert [hit.memory.content.text for hit in hits] == ["0", "1", "2", "3", "4"]


async def test_a_text_longer_than_the_index_limit_is_stored_and_found_by_its_beginning(
    postgres: PostgresAdapter,
) -> None:
    scene = Scene()
    text = "aardvark " + " ".join(f"w{n:x}ü" for n in range(400_000))
    await postgres.memories.create(scene.agent_id, [scene.memory(text)])
    (hit,) = await postgres.memories.search(scene.agent_id, MemoryQuery(text="aardvarks"), MemoryFilter())
    assert hit.memory.content.text == text
