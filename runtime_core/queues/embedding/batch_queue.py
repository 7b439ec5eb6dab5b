"""BatchQueue: an in-memory queue that processes items in concurrent batches.

Use it for items that arrive one by one and are cheaper together: embedding, imports, re-embedding. Its items are lost
with the process, so each needs a durable record: a row that marks it as wanted, or a message on a `JobQueue`. Its users
are the embedding of a long-running process, the readers of the embedding queues, `mayfly ingest` and `mayfly backfill`.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from itertools import count
from typing import Generic, TypeAlias, TypeVar

from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import MayflyError, QueueFull
from runtime_core.queues.embedding.lanes import ORDER, UNBOUNDED, Entry, Lanes

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pressure(StrEnum):
    """Behaviour of `put` when the queue is full."""

    WAIT = "wait"  # `put` waits for room: for imports, which must not run ahead of the model
    REFUSE = "refuse"  # `put` raises `QueueFull`
    DROP = "drop"  # drops an item of a lower priority, or the new item: for items that a sweep finds again


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Number of attempts, and the backoff between them.

    Attributes:
        attempts: Maximum number of attempts; 1 disables retries.
        factor: Growth of the wait from one attempt to the next, up to `longest_s`.
    """

    attempts: int = 3
    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0

    def wait_s(self, attempts: int) -> float:
        """Compute the wait after some attempts.

        Returns:
            Seconds, less up to 25 % jitter.
        """
        spread = random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, no secret
        return min(self.longest_s, self.first_s * self.factor ** (attempts - 1)) * spread


@dataclass(frozen=True, slots=True)
class Failed:
    """Verdict of `process` on a failed item.

    The item is retried if the error is retryable.
    """

    error: MayflyError


Verdict: TypeAlias = Failed | None
Process: TypeAlias = Callable[[Sequence[T]], Awaitable[Sequence[Verdict] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """Limits of a queue.

    Attributes:
        batch_size: Maximum number of items in a batch; 1 processes item by item.
        batch_weight: Maximum weight of a batch, in the unit of `weigh`.
        concurrency: Maximum number of concurrent batches.
        capacity: Maximum number of waiting items.
        idle_first_s: Seconds before an idle `run` calls `refill`; doubles each time, up to `idle_longest_s`.
    """

    batch_size: int = 100
    batch_weight: int = UNBOUNDED
    concurrency: int = 1
    capacity: int = 10_000
    idle_first_s: float = 1.0
    idle_longest_s: float = 60.0


class BatchQueue(Generic[T]):
    """A bounded priority queue in front of a batch function.

    High never waits for normal, nor normal for low: a batch has one priority. Within a priority, groups take turns.

    Args:
        process: Processes a batch; returns a verdict for each item, or None if all succeeded. An exception is the
            verdict on every item.
        weigh: Returns the share of an item in `batch_weight`.
        refill: Called by an idle `run`: puts the items it finds, and returns whether it found any.
        on_failed: Called for each item that failed permanently, or was dropped under pressure.
    """

    def __init__(
        self,
        process: Process[T],
        *,
        limits: QueueLimits | None = None,
        pressure: Pressure = Pressure.WAIT,
        retry: RetryPolicy | None = None,
        weigh: Callable[[T], int] = lambda _: 1,
        refill: Callable[[], Awaitable[bool]] | None = None,
        on_failed: Callable[[T, MayflyError], None] | None = None,
    ) -> None:
        self._process = process
        self._limits = limits or QueueLimits()
        self._pressure = pressure
        self._retry = retry or RetryPolicy()
        self._weigh = weigh
        self._refill = refill
        self._on_failed = on_failed or _log_failed
        self._lanes: Lanes[T] = Lanes()
        self._delayed: list[tuple[float, int, Entry[T]]] = []  # heap, ordered by due time
        self._numbers = count()
        self._running: dict[asyncio.Task[None], list[Entry[T]]] = {}
        self._changed = asyncio.Event()  # set when an item arrives, a batch ends, or the queue closes
        self._room = asyncio.Event()
        self._pumping = False
        self._lowest = Priority.LOW  # lowest priority that `dispose` still flushes
        self._closed = False

    def __len__(self) -> int:
        """Number of waiting items, without those being processed."""
        return len(self._lanes) + len(self._delayed)

    async def put(self, item: T, priority: Priority = Priority.NORMAL, *, group: str = "") -> bool:
        """Add an item to the queue.

        Returns:
            False if the item was dropped.

        Raises:
            QueueFull: The queue is full under `Pressure.REFUSE`, or was disposed of.
        """
        entry = Entry(item=item, priority=priority, group=group, weight=self._weigh(item))
        while len(self) >= self._limits.capacity and not self._closed:
            if self._pressure is not Pressure.WAIT:
                return self._put_under_pressure(entry)
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise QueueFull("the queue was disposed of and accepts no items")
        self._add(entry)
        return True

    async def drain(self) -> None:
        """Process until the queue is empty, including pending retries.

        During another `drain` or `run` it only waits for an empty queue. Called inside `process`, it does nothing.
        """
        if asyncio.current_task() in self._running:
            return
        if not self._pumping:
            await self._pump(stop_when_empty=True)
        while (len(self) or self._running) and not self._closed:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Process items as they arrive, until `dispose`."""
        await self._pump(stop_when_empty=False)

    async def dispose(self, flush: Priority = Priority.HIGH) -> list[T]:
        """Close the queue, process its urgent items, and end `run`.

        Each item gets one more attempt.

        Args:
            flush: Lowest priority that is still processed.

        Returns:
            The unprocessed items.
        """
        self._closed, self._lowest = True, flush
        self._room.set()
        self._changed.set()
        for _, _, entry in self._delayed:
            self._lanes.add(entry)
        self._delayed.clear()
        if self._pumping:
            while self._pumping:
                self._changed.clear()
                await self._changed.wait()
        else:
            await self._pump(stop_when_empty=True)
        return [entry.item for entry in self._lanes.clear()]

    async def _pump(self, *, stop_when_empty: bool) -> None:
        self._pumping = True
        idle_s = self._limits.idle_first_s
        try:
            while True:
                self._start_batches()
                if self._running or self._delayed:
                    await self._next_change(self._until_due_s())
                    idle_s = self._limits.idle_first_s
                elif stop_when_empty or self._closed:
                    return
                elif await self._idle(idle_s):
                    idle_s = self._limits.idle_first_s
                else:
                    idle_s = min(self._limits.idle_longest_s, idle_s * 2)
        finally:
            await self._stop_batches()
            self._pumping = False
            self._changed.set()

    async def _idle(self, seconds: float) -> bool:
        """Wait for items; return whether the queue has work or is closed."""
        await self._next_change(seconds if self._refill is not None else None)
        if len(self) or self._closed:
            return True
        return self._refill is not None and await self._refill()

    async def _next_change(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    def _start_batches(self) -> None:
        self._promote()
        while len(self._running) < self._limits.concurrency:
            batch = self._lanes.take(
                self._limits.batch_size,
                self._limits.batch_weight,
                only=lambda each: ORDER.index(each) <= ORDER.index(self._lowest),
            )
            if not batch:
                break
            task = asyncio.get_running_loop().create_task(self._run_batch(batch), name="batch")
            self._running[task] = batch
            task.add_done_callback(self._finish_batch)
        self._room.set()

    def _finish_batch(self, task: asyncio.Task[None]) -> None:
        batch = self._running.pop(task)
        if task.cancelled():
            for entry in reversed(batch):
                self._lanes.add_first(entry)
        self._changed.set()

    async def _stop_batches(self) -> None:
        """Cancel the running batches of a cancelled pump; their items wait again."""
        if running := list(self._running):
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    async def _run_batch(self, batch: list[Entry[T]]) -> None:
        verdicts: Sequence[Verdict] | None
        try:
            verdicts = await self._process([entry.item for entry in batch])
        except MayflyError as error:
            verdicts = [Failed(error)] * len(batch)
        except Exception as error:
            log.exception("batch failed")
            unexpected = MayflyError(f"{type(error).__name__}: {error}")
            verdicts = [Failed(unexpected)] * len(batch)
        for entry, verdict in zip(batch, verdicts or [None] * len(batch), strict=True):
            if verdict is not None:
                self._retry_or_fail(entry, verdict.error)

    def _retry_or_fail(self, entry: Entry[T], error: MayflyError) -> None:
        entry.attempts += 1
        if not error.retryable or entry.attempts >= self._retry.attempts or self._closed:
            self._on_failed(entry.item, error)
            return
        wait_s = error.retry_after_s if error.retry_after_s is not None else self._retry.wait_s(entry.attempts)
        due_s = asyncio.get_running_loop().time() + wait_s
        heapq.heappush(self._delayed, (due_s, next(self._numbers), entry))

    def _promote(self) -> None:
        now_s = asyncio.get_running_loop().time()
        while self._delayed and self._delayed[0][0] <= now_s:
            self._lanes.add(heapq.heappop(self._delayed)[2])

    def _until_due_s(self) -> float | None:
        if not self._delayed:
            return None
        return max(0.0, self._delayed[0][0] - asyncio.get_running_loop().time())

    def _add(self, entry: Entry[T]) -> None:
        self._lanes.add(entry)
        self._changed.set()

    def _put_under_pressure(self, entry: Entry[T]) -> bool:
        full = QueueFull(f"the queue is full: {len(self)} items wait, the limit is {self._limits.capacity}")
        if self._pressure is Pressure.REFUSE:
            raise full
        dropped = self._lanes.drop_last(below=entry.priority)
        self._on_failed(dropped.item if dropped else entry.item, full)
        if dropped is None:
            return False
        self._add(entry)
        return True


def _log_failed(item: object, error: MayflyError) -> None:
    log.error("item failed permanently", extra={"error_code": error.code, "error": str(error)})
