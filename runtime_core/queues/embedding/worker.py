"""The other end of the embedding queues: jobs from SQS, or from the queue in this process, through one drain."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.events import EventType
from runtime_core.domain.memory import Memory
from runtime_core.errors import MayflyError, ModelNotFound, ModelRequestRejected, RecordNotFound
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, Pressure, QueueLimits, RetryPolicy, Verdict
from runtime_core.queues.embedding.drain import Drain, DrainReport
from runtime_core.queues.embedding.job import EmbeddingJob, Priority

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

log = logging.getLogger(__name__)

BATCH = 256  # jobs in this process: 12 MiB of vectors at 1,536 dimensions
CAPACITY = 10_000  # more are left to the sweep
IDLE_FIRST_S, IDLE_LONGEST_S = 2.0, 60.0

RuntimeOf = Callable[[UUID], AbstractAsyncContextManager["Context"]]


async def drain_jobs(runtime: Context, ids: Sequence[UUID], priority: Priority = Priority.NORMAL) -> DrainReport:
    """Embed memories of a runtime's agent, and tell its listeners what became of each.

    Raises:
        ModelNotFound: No plugin embeds here.
        StoreError: The texts could not be read.
    """
    space = runtime.embedding_space()
    if space is None:
        raise ModelNotFound(f"agent {runtime.character.name!r} has no embedding model, but memories that want one")

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
    await _tell(runtime, report)
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
    if report.returned:
        errors = sorted({each.error.code for each in report.returned.values()})
        fields |= {"returned": len(report.returned), "error_codes": errors}
        log.warning("embedding goes on later", extra=fields)
    else:
        log.info("embedding done", extra=fields)


async def _tell(runtime: Context, report: DrainReport) -> None:
    for memory_id in report.embedded:
        await runtime.emit(EventType.EMBEDDING_GENERATION_COMPLETED, {"runtime": runtime, "memory_id": memory_id})
    for memory_id, reason in report.refused.items():
        event = {"runtime": runtime, "memory_id": memory_id, "error": reason}
        await runtime.emit(EventType.EMBEDDING_GENERATION_FAILED, event)


async def embed_now(runtime: Context, memory: Memory) -> Memory:
    """Embed one stored memory, and wait for it.

    Raises:
        RecordNotFound: It was not stored.
        ModelNotFound: No plugin embeds here.
        ModelError: The model failed, or refused the text.
    """
    if not await runtime.database.embeddings.want(runtime.agent_id, [memory.id], Priority.HIGH):
        raise RecordNotFound(f"no memory {memory.id}: an embedding is kept beside its memory, so store that first")
    report = await drain_jobs(runtime, [memory.id], Priority.HIGH)
    if memory.id in report.returned:
        raise report.returned[memory.id].error
    if memory.id in report.refused:
        raise ModelRequestRejected(report.refused[memory.id])
    return next(iter(await runtime.database.memories.get(runtime.agent_id, [memory.id])), memory)


def by_agent(jobs: Sequence[EmbeddingJob]) -> dict[UUID, list[UUID]]:
    """The memories of each agent, in order."""
    grouped: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for job in jobs:
        grouped[job.agent_id].append(job.memory_id)
    return dict(grouped)


class EmbeddingWorker:
    """Embeds in this process, while the process does other things; for one that lives on between messages.

    Args:
        runtime_of: A runtime of an agent, for the time of one batch.
        refill: Looks for work that nobody queued here; only what `run` goes on with uses it.
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
            on_failed=_given_up,
        )
        self._task: asyncio.Task[None] | None = None

    async def put(self, jobs: Sequence[EmbeddingJob], priority: Priority) -> None:
        """Queue jobs; what there is no room for is left to a sweep."""
        for job in jobs:
            await self._queue.put(job, priority, group=str(job.agent_id))
        if self._task is None or self._task.done():
            # Of no turn, and under no turn's deadline: it goes on for whoever queues next.
            self._task = asyncio.get_running_loop().create_task(
                self._queue.drain(), name="embedding", context=contextvars.Context()
            )

    async def drain(self) -> None:
        """Wait until everything queued is embedded or given up."""
        await self._queue.drain()

    async def run(self) -> None:
        """Embed whatever is queued or found, until `close`."""
        await self._queue.run()

    async def close(self) -> None:
        """Embed what is wanted at high priority, and leave the rest to whoever sweeps next."""
        left = await self._queue.dispose()
        if self._task is not None:
            await asyncio.wait([self._task])
        if left:
            log.info("embedding goes on later", extra={"jobs": len(left)})

    async def _refill(self) -> bool:
        found = await self._find() if self._find is not None else ()
        for job in found:
            await self._queue.put(job, Priority.LOW, group=str(job.agent_id))
        return bool(found)

    async def _process(self, jobs: Sequence[EmbeddingJob]) -> list[Verdict]:
        returned: dict[UUID, MayflyError] = {}
        for agent_id, ids in by_agent(jobs).items():
            async with self._runtime_of(agent_id) as runtime:
                report = await drain_jobs(runtime, ids)
            returned |= {memory_id: each.error for memory_id, each in report.returned.items()}
        return [Failed(returned[job.memory_id]) if job.memory_id in returned else None for job in jobs]


def _given_up(job: EmbeddingJob, error: MayflyError) -> None:
    fields = {"agent_id": str(job.agent_id), "memory_id": str(job.memory_id), "error_code": error.code}
    log.warning("embedding is left to the sweep", extra=fields)
