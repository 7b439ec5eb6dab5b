"""The tick: enqueues due tasks, or runs them without a work queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runtime_core.domain.jobs import Job, JobKind, messages_of
from runtime_core.errors import MayflyError
from runtime_core.queues.embedding.sweep import keep_drain_tasks
from runtime_core.queues.task_work import LEASE_S
from runtime_core.queues.work import run_jobs
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

TICK_S = 60.0  # between two ticks, as in the schedule on AWS
TICK_LIMIT = 100  # tasks claimed by one tick; the next tick claims the rest


async def tick(deployment: AgentHost) -> int:
    """Claim and enqueue the due tasks; without a work queue, run them.

    Ticks may overlap. A tick also restores a deleted EMBEDDING_DRAIN task.

    Returns:
        Number of claimed tasks.
    """
    await keep_drain_tasks(deployment)
    agent_ids = [agent.agent_id for agent in deployment.agents]
    claimed = await deployment.database.tasks.claim(agent_ids, lease_s=LEASE_S, limit=TICK_LIMIT)
    jobs = [
        Job(kind=JobKind.TASK, agent_id=task.agent_id, subject_id=task.id, held_until=task.due_at)
        for task in claimed
        if task.agent_id is not None
    ]
    await _enqueue(deployment, jobs)
    if claimed:
        log.info("tasks due", extra={"tasks": len(claimed)})
    return len(claimed)


@asynccontextmanager
async def ticking(deployment: AgentHost, *, every_s: float = TICK_S) -> AsyncIterator[None]:
    """Tick in the background of a long-running process.

    The first tick is at once. With a work queue it does nothing, because the external schedule ticks.

    Args:
        every_s: Seconds between two ticks.
    """
    if deployment.settings.work_queue_url is not None:
        yield
        return
    running = asyncio.ensure_future(_tick_forever(deployment, every_s))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _tick_forever(deployment: AgentHost, every_s: float) -> None:
    while True:
        try:
            await tick(deployment)
        except MayflyError as error:
            log.warning("tick failed, the next tick retries", extra={"error_code": error.code, "error": str(error)})
        await asyncio.sleep(every_s)


async def _enqueue(deployment: AgentHost, jobs: Sequence[Job]) -> None:
    url = deployment.settings.work_queue_url
    if url is None:
        await run_jobs(deployment, [(str(job.subject_id), job.body()) for job in jobs])
    elif jobs:
        queue = await deployment.shared(queue_opener(url))
        await queue.send(messages_of(jobs))
