"""Wanted marks of memories without an embedding in SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.adapters.sqlite.connection import SqliteFile, fetch_all
from runtime_core.domain.memory import Content
from runtime_core.errors import InvalidRecord
from runtime_core.ports import MemoryFilter, MemoryQuery
from runtime_core.testing import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
WANTED = "SELECT text, embedding_priority AS priority FROM memories WHERE embedding_wanted_at IS NOT NULL"
EMBEDDED = "SELECT model, dimension, content_hash FROM embeddings"
SHA256_OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path / "mayfly.db", clock=lambda: NOON)
    await adapter.migrate()
    yield adapter
    await adapter.close()


@pytest.fixture
async def file(adapter: SqliteAdapter, tmp_path: Path) -> AsyncIterator[SqliteFile]:
    file = SqliteFile(tmp_path / "mayfly.db")
    yield file
    await file.close()


async def read_wanted(file: SqliteFile) -> dict[str, str]:
    found = await file.read(lambda connection: fetch_all(connection, WANTED))
    return {row["text"]: row["priority"] for row in found}


async def test_a_message_and_its_answers_are_marked_with_the_turns_priorities(
    adapter: SqliteAdapter, file: SqliteFile
) -> None:
    scene = Scene()
    start = scene.start("Question", embedding_priority="high")
    context = await adapter.turns.begin(start)
    answers = (scene.memory("Answer", created_at=NOON), scene.memory("", created_at=NOON))
    await adapter.turns.finish(scene.end(start, context, answers=answers, embedding_priority="low"))
    await scene.play(adapter, "Unmarked")
    assert await read_wanted(file) == {"Question": "high", "Answer": "low"}


async def test_only_memories_without_an_embedding_are_marked(adapter: SqliteAdapter, file: SqliteFile) -> None:
    scene = Scene()
    memories = [scene.memory("hello", embedding=(1.0, 0.0)), scene.memory("bare")]
    await adapter.memories.create(scene.agent_id, memories, embedding_model="m", embedding_priority="normal")
    assert await read_wanted(file) == {"bare": "normal"}
    assert await file.read(lambda connection: fetch_all(connection, EMBEDDED)) == [
        {"model": "m", "dimension": 2, "content_hash": SHA256_OF_HELLO}
    ]


async def test_a_changed_text_wants_its_embedding_again(adapter: SqliteAdapter, file: SqliteFile) -> None:
    scene = Scene()
    memories = [scene.memory(text, embedding=(1.0, 0.0)) for text in ("one", "two")] + [scene.memory("never embedded")]
    await adapter.memories.create(scene.agent_id, memories, embedding_model="m")
    changes = [replace(each, content=Content(text=each.content.text + "!")) for each in (memories[0], memories[2])]
    await adapter.memories.update(scene.agent_id, [*changes, replace(memories[1], metadata={"seen": True})])
    assert await read_wanted(file) == {"one!": "normal"}


async def test_deleting_a_memory_deletes_its_embedding(adapter: SqliteAdapter, file: SqliteFile) -> None:
    scene = Scene()
    memory = scene.memory(embedding=(1.0, 0.0))
    await adapter.memories.create(scene.agent_id, [memory], embedding_model="m")
    await adapter.memories.delete(scene.agent_id, [memory.id])
    assert await file.read(lambda connection: fetch_all(connection, EMBEDDED)) == []


@pytest.mark.parametrize("vector", [(), (float("nan"), 1.0), (float("inf"), 1.0)])
async def test_an_invalid_vector_is_refused(adapter: SqliteAdapter, vector: tuple[float, ...]) -> None:
    scene = Scene()
    with pytest.raises(InvalidRecord):
        await adapter.memories.create(scene.agent_id, [scene.memory(embedding=vector)], embedding_model="m")
    with pytest.raises(InvalidRecord):
        await adapter.memories.search(scene.agent_id, MemoryQuery(embedding=vector, model="m"), MemoryFilter())
    assert await adapter.memories.count(scene.agent_id, MemoryFilter(table=None)) == 0


async def test_an_embedding_without_its_model_is_refused(adapter: SqliteAdapter) -> None:
    scene = Scene()
    with pytest.raises(InvalidRecord, match="name of the model"):
        await adapter.memories.create(scene.agent_id, [scene.memory(embedding=(1.0,))])


async def test_a_vector_of_length_zero_is_near_nothing(adapter: SqliteAdapter) -> None:
    scene = Scene()
    memories = [scene.memory("zero", embedding=(0.0, 0.0)), scene.memory("one", embedding=(1.0, 0.0))]
    await adapter.memories.create(scene.agent_id, memories, embedding_model="m")
    query = MemoryQuery(embedding=(1.0, 0.0), model="m")
    hits = await adapter.memories.search(scene.agent_id, query, MemoryFilter())
    assert [hit.memory.content.text for hit in hits] == ["one"]
