"""Order, batching, retries and pressure of `BatchQueue`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from runtime_core.domain.embedding_job import Priority
from runtime_core.errors import InvalidInput, MayflyError, ModelRateLimited, ModelUnavailable, QueueFull
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, Pressure, QueueLimits, RetryPolicy, Verdict
from runtime_core.support import background

AT_ONCE = RetryPolicy(attempts=3, first_s=0.0)


class Batches:
    """Batch function that records its batches and answers as configured."""

    def __init__(self, answer: Callable[[str], MayflyError | None] = lambda _: None) -> None:
        self.seen: list[list[str]] = []
        self.given_up: list[tuple[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self._answer = answer

    async def __call__(self, items: Sequence[str]) -> list[Verdict]:
        self.seen.append(list(items))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return [Failed(error) if (error := self._answer(each)) else None for each in items]

    def record_failure(self, item: str, error: MayflyError) -> None:
        self.given_up.append((item, error.code))

    @property
    def items(self) -> list[str]:
        return [each for batch in self.seen for each in batch]


async def fill(queue: BatchQueue[str], count: int, priority: Priority = Priority.NORMAL, group: str = "") -> None:
    for number in range(count):
        await queue.put(f"{group or priority}-{number}", priority, group=group)


async def test_items_are_processed_in_order_in_batches_up_to_the_size() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=4))
    await fill(queue, 10)
    await queue.drain()
    assert [len(each) for each in batches.seen] == [4, 4, 2]
    assert batches.items == [f"normal-{number}" for number in range(10)]
    assert len(queue) == 0


async def test_a_batch_size_of_one_processes_item_by_item() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=1))
    await fill(queue, 3)
    await queue.drain()
    assert [len(each) for each in batches.seen] == [1, 1, 1]


async def test_a_batch_respects_its_weight_limit_but_has_at_least_one_item() -> None:
    batches = Batches()
    queue: BatchQueue[str] = BatchQueue(batches, limits=QueueLimits(batch_weight=10), weigh=len)
    for item in ("aaaa", "bbbb", "cccc", "d" * 50, "e"):
        await queue.put(item)
    await queue.drain()
    assert [len(each) for each in batches.seen] == [2, 1, 1, 1]


async def test_no_more_batches_run_at_once_than_allowed() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=1, concurrency=3))
    await fill(queue, 20)
    await queue.drain()
    assert batches.most_at_once == 3


async def test_high_drains_within_two_batches_while_fifty_thousand_low_wait() -> None:
    batches = Batches()
    done = asyncio.Event()

    async def process(items: Sequence[str]) -> None:
        await batches(items)
        if len(batches.seen) == 3:
            await fill(queue, 100, Priority.HIGH)
        if len(batches.seen) == 5:
            done.set()

    queue: BatchQueue[str] = BatchQueue(process, limits=QueueLimits(batch_size=100, capacity=60_000))
    await fill(queue, 50_000, Priority.LOW)
    running = asyncio.ensure_future(queue.run())
    await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    high = [number for number, batch in enumerate(batches.seen) if batch[0].startswith("high")]
    assert high == [3]
    assert len(batches.seen[3]) == 100
    assert len(queue) > 49_000


async def test_groups_take_turns_so_that_none_is_starved() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=10))
    await fill(queue, 1000, group="noisy")
    await fill(queue, 5, group="quiet")
    await queue.drain()
    assert sum(each.startswith("quiet") for each in batches.seen[0]) == 5
    assert len(batches.items) == 1005


async def test_an_item_with_a_retryable_error_is_retried_alone() -> None:
    failing = {"normal-1": 2}

    def answer(item: str) -> MayflyError | None:
        if failing.get(item, 0) == 0:
            return None
        failing[item] -= 1
        return ModelUnavailable("not now")

    batches = Batches(answer)
    queue = BatchQueue(batches, retry=AT_ONCE, on_failed=batches.record_failure)
    await fill(queue, 3)
    await queue.drain()
    assert batches.seen == [["normal-0", "normal-1", "normal-2"], ["normal-1"], ["normal-1"]]
    assert batches.given_up == []


async def test_an_item_is_given_up_after_its_attempts_and_a_hopeless_one_at_once() -> None:
    def answer(item: str) -> MayflyError | None:
        return ModelUnavailable("never") if item == "normal-0" else InvalidInput("wrong")

    batches = Batches(answer)
    queue = BatchQueue(batches, retry=AT_ONCE, on_failed=batches.record_failure)
    await fill(queue, 2)
    await queue.drain()
    assert batches.given_up == [("normal-1", "invalid-input"), ("normal-0", "model-unavailable")]
    assert batches.items.count("normal-0") == 3


async def test_the_retry_delay_of_an_error_overrides_the_policy() -> None:
    errors = [ModelRateLimited("slow down", retry_after_s=0.01)]
    batches = Batches(lambda _: errors.pop() if errors else None)
    queue = BatchQueue(batches, retry=RetryPolicy(first_s=3600.0))
    await fill(queue, 1)
    async with asyncio.timeout(60):
        await queue.drain()
    assert len(batches.seen) == 2


async def test_an_exception_is_the_verdict_on_the_whole_batch() -> None:
    batches = Batches()

    async def process(items: Sequence[str]) -> None:
        raise InvalidInput("the batch is wrong")

    queue: BatchQueue[str] = BatchQueue(process, on_failed=batches.record_failure)
    await fill(queue, 2)
    await queue.drain()
    assert [item for item, _ in batches.given_up] == ["normal-0", "normal-1"]


async def test_an_unexpected_exception_is_logged_and_the_queue_continues(caplog: pytest.LogCaptureFixture) -> None:
    batches = Batches()

    async def process(items: Sequence[str]) -> None:
        if items == ["normal-0"]:
            raise KeyError("a defect")
        await batches(items)

    queue: BatchQueue[str] = BatchQueue(process, limits=QueueLimits(batch_size=1), on_failed=batches.record_failure)
    await fill(queue, 2)
    await queue.drain()
    assert batches.given_up == [("normal-0", "error")]
    assert batches.items == ["normal-1"]
    assert "batch failed" in caplog.text


async def test_a_second_drain_waits_for_the_first() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=2))
    await fill(queue, 6)
    await asyncio.gather(queue.drain(), queue.drain(), queue.drain())
    assert len(batches.items) == 6
    assert batches.most_at_once == 1


async def test_a_drain_inside_a_batch_does_nothing() -> None:
    seen: list[str] = []

    async def process(items: Sequence[str]) -> None:
        seen.extend(items)
        await queue.drain()

    queue: BatchQueue[str] = BatchQueue(process, limits=QueueLimits(batch_size=1))
    await fill(queue, 3)
    await queue.drain()
    assert len(seen) == 3


async def test_put_waits_for_room_under_wait() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(capacity=2, batch_size=1))
    await fill(queue, 2)
    third = asyncio.ensure_future(queue.put("third"))
    await asyncio.sleep(0)
    assert not third.done()
    await queue.drain()
    assert await third
    await queue.drain()
    assert batches.items == ["normal-0", "normal-1", "third"]


async def test_put_raises_in_a_full_queue_under_refuse() -> None:
    queue = BatchQueue(Batches(), limits=QueueLimits(capacity=2), pressure=Pressure.REFUSE)
    await fill(queue, 2)
    with pytest.raises(QueueFull, match="2 items wait"):
        await queue.put("third")


async def test_put_drops_the_lowest_priority_under_drop() -> None:
    batches = Batches()
    limits = QueueLimits(capacity=2)
    queue = BatchQueue(batches, limits=limits, pressure=Pressure.DROP, on_failed=batches.record_failure)
    await fill(queue, 2, Priority.LOW)
    assert await queue.put("high", Priority.HIGH)
    assert not await queue.put("low", Priority.LOW)
    await queue.drain()
    assert batches.seen == [["high"], ["low-0"]]
    assert batches.given_up == [("low-1", "queue-full"), ("low", "queue-full")]


async def test_dispose_flushes_high_and_returns_the_rest() -> None:
    batches = Batches()
    queue = BatchQueue(batches, limits=QueueLimits(batch_size=2))
    running = background.start(queue.run(), name="queue", owner=batches)
    await fill(queue, 2, Priority.LOW)
    await fill(queue, 3, Priority.HIGH)
    left = await queue.dispose()
    await running
    assert batches.items == ["high-0", "high-1", "high-2"]
    assert left == ["low-0", "low-1"]
    with pytest.raises(QueueFull, match="disposed of"):
        await queue.put("late")


async def test_dispose_flushes_a_queue_that_is_not_running() -> None:
    batches = Batches()
    queue = BatchQueue(batches)
    await fill(queue, 1, Priority.HIGH)
    assert await queue.dispose() == []
    assert batches.items == ["high-0"]


async def test_an_idle_queue_calls_refill() -> None:
    batches = Batches()
    found = asyncio.Event()
    asked = 0

    async def refill() -> bool:
        nonlocal asked
        asked += 1
        if asked < 4:
            return False
        await queue.put("found")
        found.set()
        return True

    limits = QueueLimits(idle_first_s=0.01, idle_longest_s=0.02)
    queue = BatchQueue(batches, limits=limits, refill=refill)
    running = background.start(queue.run(), name="queue", owner=batches)
    async with asyncio.timeout(10):
        await found.wait()
        await queue.drain()
    await queue.dispose()
    await running
    assert batches.items == ["found"]
    assert asked >= 4


async def test_the_items_of_a_cancelled_run_wait_again() -> None:
    batches = Batches()
    reached, gate = asyncio.Event(), asyncio.Event()

    async def process(items: Sequence[str]) -> None:
        reached.set()
        await gate.wait()
        await batches(items)

    queue: BatchQueue[str] = BatchQueue(process, limits=QueueLimits(batch_size=2))
    await fill(queue, 3)
    running = asyncio.ensure_future(queue.run())
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    gate.set()
    await queue.drain()
    assert batches.items == ["normal-0", "normal-1", "normal-2"]
