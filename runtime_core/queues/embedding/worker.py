"""Workers for embedding jobs, per batch or in the background."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.embedding_job import EmbeddingJob, Priority
from runtime_core.domain.events import EventType
from runtime_core.domain.memory import Memory
from runtime_core.errors import MayflyError, ModelNotFound, ModelRequestRejected, RecordNotFound
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, Pressure, QueueLimits, RetryPolicy, Verdict
from runtime_core.queues.embedding.drain import Drain, DrainReport

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

log = logging.getLogger(__name__)

BATCH = 256  # jobs in this process: 12 MiB of vectors at 1,536 dimensions
CAPACITY = 10_000  # jobs; the sweep finds those dropped above it
IDLE_FIRST_S, IDLE_LONGEST_S = 2.0, 60.0

RuntimeOf = Callable[[UUID], AbstractAsyncContextManager["Context"]]


async def drain_jobs(runtime: Context, ids: Sequence[UUID], priority: Priority = Priority.NORMAL) -> DrainReport:
    """Embed memories of an agent, and emit an event for each outcome.

    Raises:
        ModelNotFound: No plugin provides an embedding model.
        StoreError: The texts could not be read.
    """
    space = runtime.embedding_space()
    if space is None:
        raise ModelNotFound(f"agent {runtime.character.name!r} has no embedding model: set EMBEDDING_MODEL")

    async def embed(texts: Sequence[str]) -> Sequence[tuple[float, ...]]:
        return (await runtime.embed(texts, max_retries=0)).vectors

    drain = Drain(
        runtime.agent_id,
        store=runtime.database.embeddings,
        memories=runtime.database.memories,
        embed=embed,
        model=space.model,
    )
    report = await drain.run(ids, priority)
    await _emit_outcomes(runtime, report)
    _log_end(report)
    return report


def _log_end(report: DrainReport) -> None:
    fields: dict[str, Any] = {
        "embedded": len(report.embedded),
        "skipped": report.skipped,
        "refused": len(report.refused),
        "model_calls": report.calls,
    }
    if report.lag_ms is not None:
        fields["embed_lag_ms"] = report.lag_ms
    if report.retries:
        errors = sorted({each.error.code for each in report.retries.values()})
        fields |= {"retries": len(report.retries), "error_codes": errors}
        log.warning("embedding incomplete, the rest is retried", extra=fields)
    else:
        log.info("embedding done", extra=fields)


async def _emit_outcomes(runtime: Context, report: DrainReport) -> None:
    for memory_id in report.embedded:
        await runtime.emit(EventType.EMBEDDING_GENERATION_COMPLETED, {"runtime": runtime, "memory_id": memory_id})
    for memory_id, reason in report.refused.items():
        event = {"runtime": runtime, "memory_id": memory_id, "error": reason}
        await runtime.emit(EventType.EMBEDDING_GENERATION_FAILED, event)


async def embed_now(runtime: Context, memory: Memory) -> Memory:
    """Embed one stored memory and return it.

    Raises:
        RecordNotFound: The memory was not stored.
        ModelNotFound: No plugin provides an embedding model.
        ModelError: The model failed, or refused the text.
    """
    if not await runtime.database.embeddings.want(runtime.agent_id, [memory.id], Priority.HIGH):
        raise RecordNotFound(f"memory {memory.id} is not stored, so it cannot be embedded: store it first")
    report = await drain_jobs(runtime, [memory.id], Priority.HIGH)
    if memory.id in report.retries:
        raise report.retries[memory.id].error
    if memory.id in report.refused:
        raise ModelRequestRejected(report.refused[memory.id])
    return next(iter(await runtime.database.memories.get(runtime.agent_id, [memory.id])), memory)


def group_by_agent(jobs: Sequence[EmbeddingJob]) -> dict[UUID, list[UUID]]:
    """Group memory ids by agent, in order."""
    grouped: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for job in jobs:
        grouped[job.agent_id].append(job.memory_id)
    return dict(grouped)


class EmbeddingWorker:
    """Background embedding in a long-running process.

    Args:
        runtime_of: Opens a runtime of an agent for one batch.
        refill: Claims jobs that were not enqueued in this process; called by an idle `run`.
    """

    def __init__(self, runtime_of: RuntimeOf, *, refill: Callable[[], Awaitable[Sequence[EmbeddingJob]]] | None = None):
        self._runtime_of = runtime_of
        self._find = refill
        self._queue: BatchQueue[EmbeddingJob] = BatchQueue(
            self._process,
            limits=QueueLimits(
                batch_size=BATCH, capacity=CAPACITY, idle_first_s=IDLE_FIRST_S, idle_longest_s=IDLE_LONGEST_S
            ),
            pressure=Pressure.DROP,
            retry=RetryPolicy(attempts=5, first_s=1.0),
            refill=self._refill if refill is not None else None,
            on_failed=_log_failed,
        )
        self._task: asyncio.Task[None] | None = None

    async def put(self, jobs: Sequence[EmbeddingJob], priority: Priority) -> None:
        """Enqueue jobs; the sweep finds those dropped for lack of room."""
        for job in jobs:
            await self._queue.put(job, priority, group=str(job.agent_id))
        if self._task is None or self._task.done():
            # In an empty context, so that the drain outlives the turn and its deadline.
            self._task = asyncio.get_running_loop().create_task(
                self._queue.drain(), name="embedding", context=contextvars.Context()
            )

    async def drain(self) -> None:
        """Wait until every enqueued job is embedded or has failed."""
        await self._queue.drain()

    async def run(self) -> None:
        """Embed enqueued and claimed jobs until `close`."""
        await self._queue.run()

    async def close(self) -> None:
        """Embed the high-priority jobs, and leave the rest to the sweep."""
        left = await self._queue.dispose()
        if self._task is not None:
            await asyncio.wait([self._task])
        if left:
            log.info("embedding jobs left to the sweep", extra={"jobs": len(left)})

    async def _refill(self) -> bool:
        found = await self._find() if self._find is not None else ()
        for job in found:
            await self._queue.put(job, Priority.LOW, group=str(job.agent_id))
        return bool(found)

    async def _process(self, jobs: Sequence[EmbeddingJob]) -> list[Verdict]:
        errors: dict[UUID, MayflyError] = {}
        for agent_id, ids in group_by_agent(jobs).items():
            async with self._runtime_of(agent_id) as runtime:
                report = await drain_jobs(runtime, ids)
            errors |= {memory_id: each.error for memory_id, each in report.retries.items()}
        return [Failed(errors[job.memory_id]) if job.memory_id in errors else None for job in jobs]


def _log_failed(job: EmbeddingJob, error: MayflyError) -> None:
    fields = {"agent_id": str(job.agent_id), "memory_id": str(job.memory_id), "error_code": error.code}
    log.warning("embedding failed, the sweep retries it", extra=fields)
