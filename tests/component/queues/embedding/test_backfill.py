"""Backfill under another model, on a SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.memory import Memory
from runtime_core.errors import ModelRequestRejected, ModelUnavailable
from runtime_core.ports import MemoryFilter, MemoryQuery
from runtime_core.queues.embedding.backfill import Backfill
from runtime_core.queues.embedding.batch_queue import RetryPolicy
from runtime_core.queues.embedding.packing import EmbeddingLimits
from runtime_core.testing import Scene

AT_ONCE = RetryPolicy(attempts=3, first_s=0.0, longest_s=0.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    database = SqliteAdapter(tmp_path / "mayfly.db")
    await database.migrate()
    yield database
    await database.close()


async def store(database: SqliteAdapter, scene: Scene, *texts: str) -> list[Memory]:
    memories = [scene.memory(text, embedding=(1.0, 0.0)) for text in texts]
    return await database.memories.create(scene.agent_id, memories, embedding_model="old")


class NewModel:
    """Model with vectors of three dimensions that refuses some texts and fails a number of times."""

    def __init__(self, *, refuses: Sequence[str] = (), failures: int = 0) -> None:
        self.calls: list[list[str]] = []
        self._refuses = set(refuses)
        self._failures = failures

    async def __call__(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        self.calls.append(list(texts))
        if self._failures:
            self._failures -= 1
            raise ModelUnavailable("down")
        if self._refuses & set(texts):
            raise ModelRequestRejected("refused")
        return [(1.0, 0.0, 0.0)] * len(texts)


def backfill(database: SqliteAdapter, scene: Scene, model: NewModel, limits: EmbeddingLimits | None = None) -> Backfill:
    return Backfill(scene.agent_id, store=database.embeddings, embed=model, model="new", limits=limits)


async def count_embedded(database: SqliteAdapter, scene: Scene, model: str, dimension: int) -> int:
    vector = (1.0, *[0.0] * (dimension - 1))
    query = MemoryQuery(embedding=vector, model=model, limit=100)
    return len(await database.memories.search(scene.agent_id, query, MemoryFilter()))


async def test_both_models_serve_afterwards(database: SqliteAdapter) -> None:
    scene, model = Scene(), NewModel()
    await store(database, scene, *(f"Text {n}" for n in range(30)))
    report = await backfill(database, scene, model, EmbeddingLimits(inputs=10)).run()
    assert (report.embedded, report.failed, len(model.calls)) == (30, {}, 3)
    assert await count_embedded(database, scene, "new", 3) == await count_embedded(database, scene, "old", 2) == 30


async def test_a_second_run_embeds_only_what_is_missing(database: SqliteAdapter) -> None:
    scene, model = Scene(), NewModel()
    await store(database, scene, "one", "two")
    await backfill(database, scene, model).run()
    await store(database, scene, "three")
    report = await backfill(database, scene, model).run()
    assert report.embedded == 1
    assert model.calls[-1] == ["three"]


async def test_a_refused_text_does_not_affect_the_others(database: SqliteAdapter) -> None:
    scene, model = Scene(), NewModel(refuses=["Text 7"])
    memories = await store(database, scene, *(f"Text {n}" for n in range(20)))
    report = await backfill(database, scene, model).run()
    assert report.embedded == 19
    assert report.failed == {memories[7].id: "refused"}


async def test_a_temporary_failure_is_retried(database: SqliteAdapter) -> None:
    scene, model = Scene(), NewModel(failures=2)
    await store(database, scene, "one")
    report = await backfill(database, scene, model).run(retry=AT_ONCE)
    assert (report.embedded, len(model.calls)) == (1, 3)


async def test_a_permanent_failure_is_reported(database: SqliteAdapter) -> None:
    scene, model = Scene(), NewModel(failures=9)
    (memory,) = await store(database, scene, "one")
    report = await backfill(database, scene, model).run(retry=AT_ONCE)
    assert (report.embedded, report.failed) == (0, {memory.id: "down"})
