"""BatchQueue: items that wait in memory and are processed in batches, a few batches at once.

Use it where work comes one by one and is done better together (embedding, imports, re-embedding), and where losing the
process loses nothing: each item is remembered elsewhere, by a row that says it is wanted or by a message that comes
back. It outlives no process; what must is a row or lies on a `JobQueue`. It serves the embedding of a process that
lives on, the readers of the embedding queues, `mayfly ingest` and `mayfly backfill`.
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

from runtime_core.domain.frozen import dataclass
from runtime_core.errors import MayflyError, QueueFull
from runtime_core.queues.embedding.job import Priority
from runtime_core.queues.embedding.lanes import ORDER, UNBOUNDED, Entry, Lanes

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pressure(StrEnum):
    """What becomes of an item that comes when the queue is full."""

    WAIT = "wait"  # its sender waits for room: an import, which must not run ahead of the model
    REFUSE = "refuse"  # its sender gets `QueueFull`
    DROP = "drop"  # one of a lower priority goes, else the item itself: where a sweep finds it again


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often an item is processed, and how long it waits in between.

    Attributes:
        attempts: In all; 1 retries nothing.
        factor: Each wait is so many times the one before, up to `longest_s`.
    """

    attempts: int = 3
    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0

    def wait_s(self, attempts: int) -> float:
        """Seconds to wait after so many attempts; up to a quarter less, so that many do not come back at once."""
        spread = random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, hides nothing
        return min(self.longest_s, self.first_s * self.factor ** (attempts - 1)) * spread


@dataclass(frozen=True, slots=True)
class Failed:
    """What `process` says of an item that failed; whether it is tried again is up to the error and the policy."""

    error: MayflyError


Verdict: TypeAlias = Failed | None
Process: TypeAlias = Callable[[Sequence[T]], Awaitable[Sequence[Verdict] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How much a queue holds and does at once.

    Attributes:
        batch_size: Most items of a batch; 1 processes item by item.
        batch_weight: Most weight of a batch, in whatever unit `weigh` counts.
        concurrency: Most batches at once.
        capacity: Most items that wait.
        idle_first_s: How long an idle `run` waits before it looks for more; doubled each time, up to `idle_longest_s`.
    """

    batch_size: int = 100
    batch_weight: int = UNBOUNDED
    concurrency: int = 1
    capacity: int = 10_000
    idle_first_s: float = 1.0
    idle_longest_s: float = 60.0


class BatchQueue(Generic[T]):
    """A bounded priority queue in front of a batch function.

    High never waits for normal, nor normal for low: a batch holds one priority. Within a priority groups take turns.

    Args:
        process: Gets a batch; gives a verdict for each item, or None when all are done. An error that it raises is the
            verdict on every item.
        weigh: What an item takes of `batch_weight`.
        refill: Called by an idle `run`: puts what it finds, and says whether it found something.
        on_failed: Told of each item that is given up, or dropped under pressure.
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
        self._delayed: list[tuple[float, int, Entry[T]]] = []  # a heap by the time they are due
        self._numbers = count()
        self._running: dict[asyncio.Task[None], list[Entry[T]]] = {}
        self._changed = asyncio.Event()  # something came, ended, or the queue was closed
        self._room = asyncio.Event()
        self._pumping = False
        self._lowest = Priority.LOW  # what `dispose` still flushes
        self._closed = False

    def __len__(self) -> int:
        """Items that wait; those being processed are not among them."""
        return len(self._lanes) + len(self._delayed)

    async def put(self, item: T, priority: Priority = Priority.NORMAL, *, group: str = "") -> bool:
        """Let an item wait for its turn; says whether it was taken.

        Raises:
            QueueFull: There is no room, by `Pressure.REFUSE`, or the queue was disposed of.
        """
        entry = Entry(item=item, priority=priority, group=group, weight=self._weigh(item))
        while len(self) >= self._limits.capacity and not self._closed:
            if self._pressure is not Pressure.WAIT:
                return self._pressed(entry)
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise QueueFull("the queue was disposed of: it takes nothing more")
        self._add(entry)
        return True

    async def drain(self) -> None:
        """Process until nothing is left, what waits for another attempt included.

        Where the queue is being drained or run already, this waits for it to be empty; called from inside `process`, it
        does nothing.
        """
        if asyncio.current_task() in self._running:
            return
        if not self._pumping:
            await self._pump(stop_when_empty=True)
        while (len(self) or self._running) and not self._closed:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Process whatever comes, until `dispose`."""
        await self._pump(stop_when_empty=False)

    async def dispose(self, flush: Priority = Priority.HIGH) -> list[T]:
        """Take nothing more, process what waits at `flush` or higher, each item once more, and end `run`.

        Returns:
            The items that were not processed.
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
        """Wait for work; says whether there is some."""
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
            task.add_done_callback(self._ended)
        self._room.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        batch = self._running.pop(task)
        if task.cancelled():
            for entry in reversed(batch):
                self._lanes.add_first(entry)
        self._changed.set()

    async def _stop_batches(self) -> None:
        """End what runs when the pump itself is cancelled; those items wait again."""
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
                self._failed(entry, verdict.error)

    def _failed(self, entry: Entry[T], error: MayflyError) -> None:
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

    def _pressed(self, entry: Entry[T]) -> bool:
        full = QueueFull(f"{len(self)} items are waiting, more than {self._limits.capacity} may not")
        if self._pressure is Pressure.REFUSE:
            raise full
        dropped = self._lanes.drop_last(below=entry.priority)
        self._on_failed(dropped.item if dropped else entry.item, full)
        if dropped is None:
            return False
        self._add(entry)
        return True


def _log_failed(item: object, error: MayflyError) -> None:
    log.error("item given up", extra={"error_code": error.code, "error": str(error)})
