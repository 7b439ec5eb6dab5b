"""A drain makes few calls, stores nothing stale or twice, and isolates failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.memory import Content, Memory
from runtime_core.errors import (
    MayflyError,
    ModelAuthenticationFailed,
    ModelRateLimited,
    ModelRequestRejected,
    ModelUnavailable,
)
from runtime_core.ports import DatabaseAdapter, MemoryFilter
from runtime_core.queues.embedding.drain import Drain, DrainReport
from runtime_core.queues.embedding.packing import EmbeddingLimits, estimate_tokens
from runtime_core.support.deadline import Deadline, deadline
from runtime_core.testing import Scene

MODEL = "vectors"
Vectors = list[tuple[float, ...]]


class Embedder:
    """Model that embeds a text by its length, records its calls and fails as configured."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.fails: Callable[[Sequence[str]], MayflyError | None] = lambda _: None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        if self.meanwhile is not None:
            await self.meanwhile()
        if error := self.fails(texts):
            raise error
        return [(float(len(text)), 1.0) for text in texts]

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[DatabaseAdapter]:
    adapter = SqliteAdapter(tmp_path / "mayfly.db")
    await adapter.migrate()
    yield adapter
    await adapter.close()


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def store(database: DatabaseAdapter, scene: Scene, *texts: str) -> list[Memory]:
    memories = [scene.memory(text) for text in texts]
    return await database.memories.create(scene.agent_id, memories, embedding_priority="normal")


async def run_drain(
    database: DatabaseAdapter,
    scene: Scene,
    embedder: Embedder,
    memories: Sequence[Memory],
    limits: EmbeddingLimits | None = None,
) -> DrainReport:
    drain = Drain(
        scene.agent_id,
        store=database.embeddings,
        memories=database.memories,
        embed=embedder,
        model=MODEL,
        limits=limits,
    )
    return await drain.run([each.id for each in memories], Priority.NORMAL)


async def vectors(database: DatabaseAdapter, scene: Scene, memories: Sequence[Memory]) -> list[float | None]:
    found = await database.memories.get(scene.agent_id, [each.id for each in memories])
    return [each.embedding[0] if each.embedding else None for each in found]


def reject(text: str, status: int = 400) -> Callable[[Sequence[str]], MayflyError | None]:
    return lambda texts: ModelRequestRejected(f"refuses {status}", status=status) if text in texts else None


async def test_a_batch_is_one_call_and_duplicates_are_embedded_once(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "a", "bb", "ccc")
    report = await run_drain(database, scene, embedder, [*memories, *memories])
    assert embedder.calls == [["a", "bb", "ccc"]]
    assert (len(report.embedded), report.calls, report.retries) == (3, 1, {})
    assert await vectors(database, scene, memories) == [1.0, 2.0, 3.0]


async def test_a_second_delivery_makes_no_second_call(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "a", "bb")
    await run_drain(database, scene, embedder, memories)
    report = await run_drain(database, scene, embedder, memories)
    assert len(embedder.calls) == 1
    assert (report.skipped, report.retries) == (2, {})


async def test_a_memory_that_this_model_already_embedded_is_only_settled(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "a")
    await run_drain(database, scene, embedder, memories)
    await database.embeddings.want(scene.agent_id, [memories[0].id], Priority.HIGH)
    await run_drain(database, scene, embedder, memories)
    assert len(embedder.calls) == 1
    assert await database.embeddings.wanted(scene.agent_id, [memories[0].id], model=MODEL) == []


async def test_a_blank_text_and_a_deleted_memory_are_skipped(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "   ", "gone")
    await database.memories.delete(scene.agent_id, [memories[1].id])
    report = await run_drain(database, scene, embedder, memories)
    assert embedder.calls == []
    assert (report.skipped, report.retries) == (2, {})
    assert await database.embeddings.wanted(scene.agent_id, [memories[0].id], model=MODEL) == []


async def test_a_batch_over_the_limits_takes_as_few_calls_as_they_allow(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, *("x" * 30 for _ in range(25)))
    by_number = await run_drain(database, scene, embedder, memories[:12], EmbeddingLimits(inputs=5))
    assert sorted(len(each) for each in embedder.calls) == [2, 5, 5]
    embedder.calls.clear()
    by_tokens = await run_drain(database, scene, embedder, memories[12:], EmbeddingLimits(tokens_per_call=50))
    assert sorted(len(each) for each in embedder.calls) == [3, 5, 5]
    assert (by_number.calls, by_tokens.calls) == (3, 3)


async def test_a_text_changed_before_the_drain_is_embedded_as_it_is_now(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "old")
    await database.memories.update(scene.agent_id, [replace(memories[0], content=Content(text="newest"))])
    await run_drain(database, scene, embedder, memories)
    assert embedder.texts == ["newest"]
    assert await vectors(database, scene, memories) == [6.0]


async def test_a_text_changed_during_the_call_is_embedded_again_and_nothing_stale_is_stored(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "old", "same")

    async def change() -> None:
        embedder.meanwhile = None
        await database.memories.update(scene.agent_id, [replace(memories[0], content=Content(text="newest"))])

    embedder.meanwhile = change
    report = await run_drain(database, scene, embedder, memories)
    assert embedder.calls == [["old", "same"], ["newest"]]
    assert await vectors(database, scene, memories) == [6.0, 4.0]
    assert (len(report.embedded), report.retries) == (2, {})


async def test_a_text_that_keeps_changing_is_retried_later(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "0")

    async def change() -> None:
        text = "x" * (len(embedder.calls) + 1)
        await database.memories.update(scene.agent_id, [replace(memories[0], content=Content(text=text))])

    embedder.meanwhile = change
    report = await run_drain(database, scene, embedder, memories)
    assert len(embedder.calls) == 3
    assert report.retries.keys() == {memories[0].id}
    assert await vectors(database, scene, memories) == [None]


async def test_a_poisoned_text_is_found_by_halves_and_fails_alone_with_its_reason(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, *(f"text {number}" for number in range(63)), "poison")
    embedder.fails = reject("poison")
    report = await run_drain(database, scene, embedder, memories)
    assert (len(report.embedded), list(report.refused), report.retries) == (63, [memories[-1].id], {})
    assert report.calls <= 1 + 1 + 2 * 6
    (failure,) = await database.embeddings.failed(scene.agent_id)
    assert (failure.memory_id, failure.reason) == (memories[-1].id, "refuses 400")
    assert await run_drain(database, scene, embedder, memories[-1:]) == DrainReport(skipped=1)


async def test_a_model_that_refuses_everything_marks_no_memory_as_failed(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, *(f"text {number}" for number in range(20)))
    embedder.fails = lambda _: ModelRequestRejected("no such dimension", status=400)
    report = await run_drain(database, scene, embedder, memories)
    assert report.retries.keys() == {each.id for each in memories}
    assert report.calls == 2
    assert await database.embeddings.failed(scene.agent_id) == []


@pytest.mark.parametrize(
    "error",
    [
        ModelRequestRejected("unknown model", status=404),
        ModelAuthenticationFailed("no", status=401),
        ModelRateLimited("slow down", status=429, retry_after_s=7.0),
    ],
)
async def test_an_error_of_every_call_stops_the_drain_and_the_rest_is_retried(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder, error: MayflyError
) -> None:
    memories = await store(database, scene, *(f"text {number}" for number in range(40)))
    embedder.fails = lambda _: error if len(embedder.calls) > 1 else None
    report = await run_drain(database, scene, embedder, memories, EmbeddingLimits(inputs=5))
    assert len(embedder.calls) <= 3
    assert len(report.embedded) + len(report.retries) == 40
    assert {each.after_s for each in report.retries.values()} == {error.retry_after_s}


async def test_after_a_temporary_failure_only_the_batch_is_retried(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, *(f"text {number}" for number in range(15)))
    embedder.fails = lambda texts: ModelUnavailable("down", status=500) if "text 7" in texts else None
    report = await run_drain(database, scene, embedder, memories, EmbeddingLimits(inputs=5))
    assert report.retries.keys() == {each.id for each in memories[5:10]}
    assert len(report.embedded) == 10


async def test_with_too_little_time_left_no_call_is_made_and_all_are_retried_at_once(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, "a", "b")
    now = 0.0

    async def passing() -> None:
        nonlocal now
        now = 58.0

    embedder.meanwhile = passing
    with deadline(Deadline.after(60.0, lambda: now)):
        report = await run_drain(database, scene, embedder, memories, EmbeddingLimits(inputs=1))
    assert len(embedder.calls) < 2 + 1
    assert all(each.after_s == 0.0 for each in report.retries.values())
    assert len(report.embedded) + len(report.retries) == 2


async def test_a_text_over_the_limit_is_embedded_as_fragments_that_name_it(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    (long,) = await store(database, scene, "A sentence of some words. " * 60)
    limits = EmbeddingLimits(tokens_per_input=100, tokens_per_fragment=50)
    report = await run_drain(database, scene, embedder, [long], limits)
    fragments = await database.memories.find(scene.agent_id, MemoryFilter(table="fragments"))
    assert {each.id for each in fragments} == set(report.embedded)
    assert len(fragments) > 9
    assert {each.metadata["document_id"] for each in fragments} == {str(long.id)}
    assert {each.room_id for each in fragments} == {scene.room_id}
    assert max(estimate_tokens(text) for text in embedder.texts) <= 50
    assert None not in await vectors(database, scene, fragments)
    assert await vectors(database, scene, [long]) == [None]
    again = await run_drain(database, scene, embedder, [long], limits)
    assert (again.skipped, again.calls) == (1, 0)


async def test_a_refused_text_that_is_longer_than_estimated_is_cut(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    (dense,) = await store(database, scene, "1234567890 " * 300)
    embedder.fails = lambda texts: ModelRequestRejected("too long", status=400) if len(texts[0]) > 2500 else None
    report = await run_drain(database, scene, embedder, [dense], EmbeddingLimits(tokens_per_input=1200))
    assert (report.refused, report.retries) == ({}, {})
    assert len(report.embedded) > 1


async def test_two_drains_at_once_leave_each_memory_embedded_once(
    database: DatabaseAdapter, scene: Scene, embedder: Embedder
) -> None:
    memories = await store(database, scene, *(f"text {number}" for number in range(30)))
    reports = await asyncio.gather(*(run_drain(database, scene, embedder, memories) for _ in range(3)))
    assert all(report.retries == {} for report in reports)
    assert None not in await vectors(database, scene, memories)
