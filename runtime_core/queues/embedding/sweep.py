"""EMBEDDING_DRAIN: each agent's task that retries embeddings whose job was lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.chat import ModelType
from runtime_core.domain.embedding_job import EmbeddingJob, Priority
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.jobs import messages_of
from runtime_core.domain.task import Task
from runtime_core.errors import DeadlineExceeded, MayflyError, QueueError
from runtime_core.ports import DatabaseAdapter
from runtime_core.queues.embedding.deliveries import runtime_of
from runtime_core.queues.embedding.lanes import ORDER
from runtime_core.queues.embedding.queueing import queue_url
from runtime_core.queues.embedding.worker import drain_jobs
from runtime_core.queues.task_work import QUEUE, REPEAT
from runtime_core.support.deadline import current_deadline
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

EMBEDDING_DRAIN = "EMBEDDING_DRAIN"
INTERVAL_MS = 30_000  # half of a tick's, so that the task is due at each tick
# Longer than the delay of a healthy queue, or a backlog would be enqueued twice; imports take hours.
OVERDUE_S: Mapping[Priority, float] = {Priority.HIGH: 300.0, Priority.NORMAL: 900.0, Priority.LOW: 6 * 3600.0}
OVERDUE_WITHOUT_QUEUE_S = 30.0  # shorter: only a long-running process may be embedding them already
STEP = 500  # jobs claimed at once
STEPS = 10  # of one priority in one sweep; the next sweep continues
SHORT_S = 15.0  # with less time left, no further step starts


async def keep_drain_tasks(deployment: AgentHost) -> None:
    """Create the missing drain task of each agent with an embedding model."""
    for agent in deployment.agents:
        if agent.declares_model(ModelType.TEXT_EMBEDDING) or await _registers_a_model(deployment, agent.agent_id):
            await deployment.database.records.insert(agent.agent_id, [drain_task()], ignore_existing=True)


async def _registers_a_model(deployment: AgentHost, agent_id: UUID) -> bool:
    """Check whether a plugin registers an embedding model when its runtime starts."""
    try:
        async with runtime_of(deployment, agent_id) as runtime:
            return runtime.embeds
    except MayflyError as error:  # one broken agent must not stop the tasks of the others
        log.error("agent not started", extra={"agent_id": str(agent_id), "error": str(error)})
        return False


def drain_task() -> Task:
    """Make the drain task.

    Its id is constant, so an agent has one.
    """
    return Task(
        id=string_to_uuid(EMBEDDING_DRAIN),
        name=EMBEDDING_DRAIN,
        description="Enqueues or embeds memories whose embedding is overdue",
        tags=(QUEUE, REPEAT),
        metadata={"update_interval": INTERVAL_MS},
    )


async def run_drain_task(runtime: Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """Run the drain task.

    Args:
        options: The task's metadata; `overdue_s` overrides `OVERDUE_S`, by priority.

    Returns:
        Metadata for the task: `found`, the number of overdue memories.
    """
    changed = options.get("overdue_s")
    return {"found": await sweep(runtime, {**OVERDUE_S, **(changed if isinstance(changed, Mapping) else {})})}


async def sweep(runtime: Context, overdue_s: Mapping[Priority, float] = OVERDUE_S) -> int:
    """Enqueue overdue embeddings; without a queue, embed them here.

    Sweeps may overlap.

    Args:
        overdue_s: Seconds after which an embedding is overdue, by priority.

    Returns:
        Number of overdue memories.
    """
    found = 0
    for priority in ORDER:
        url = queue_url(runtime.settings, priority)
        bound_s = overdue_s[priority] if url else min(OVERDUE_WITHOUT_QUEUE_S, overdue_s[priority])
        for _ in range(STEPS):
            if not _has_time_left():
                return found
            jobs = await _claim_overdue(runtime.database, [runtime.agent_id], priority, bound_s)
            if jobs:
                log.warning("embeddings overdue", extra={"jobs": len(jobs), "priority": str(priority)})
            found += len(jobs)
            if not jobs:
                break
            if not await _enqueue_or_embed(runtime, url, jobs):
                return found
    return found


async def _claim_overdue(
    database: DatabaseAdapter, agent_ids: Sequence[UUID], priority: Priority, overdue_s: float
) -> list[EmbeddingJob]:
    """Claim up to `STEP` overdue jobs; concurrent claims are skipped."""
    return await database.embeddings.claim_overdue(agent_ids, priority, overdue_s=overdue_s, limit=STEP)


async def claim_unqueued(deployment: AgentHost) -> list[EmbeddingJob]:
    """Claim the overdue jobs of the highest priority that has any."""
    agent_ids = [agent.agent_id for agent in deployment.agents]
    for priority in ORDER:
        if jobs := await _claim_overdue(deployment.database, agent_ids, priority, OVERDUE_WITHOUT_QUEUE_S):
            return jobs
    return []


def _has_time_left() -> bool:
    limit = current_deadline()
    return limit is None or limit.remaining_s() > SHORT_S


async def _enqueue_or_embed(runtime: Context, url: str | None, jobs: Sequence[EmbeddingJob]) -> bool:
    """Enqueue or embed jobs; jobs that fail become overdue again.

    Returns:
        False if the next step would fail as well.
    """
    if url is None:
        return runtime.embeds and not (await drain_jobs(runtime, [job.memory_id for job in jobs])).retries
    try:
        queue = await runtime.shared(queue_opener(url))
        await queue.send(messages_of(jobs))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("overdue embeddings not enqueued", extra={"jobs": len(jobs), "error_code": error.code})
        return False
    return True
