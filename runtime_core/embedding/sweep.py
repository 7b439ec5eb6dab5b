"""EMBEDDING_DRAIN: finds memories that wait for an embedding too long, because their queue message was lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.adapters.queues import queue_opener
from runtime_core.deadline import current_deadline
from runtime_core.embedding.deliveries import runtime_of
from runtime_core.embedding.job import EmbeddingJob, Priority
from runtime_core.embedding.lanes import ORDER
from runtime_core.embedding.queueing import messages_of, queue_url
from runtime_core.embedding.worker import by_agent, drain_jobs
from runtime_core.errors import DeadlineExceeded, QueueError

if TYPE_CHECKING:
    from runtime_core.deployment import Deployment

log = logging.getLogger(__name__)

# Longer than a queue is behind in health, or a backlog would be queued twice; imports are behind for hours.
OVERDUE_S: Mapping[Priority, float] = {Priority.HIGH: 300.0, Priority.NORMAL: 900.0, Priority.LOW: 6 * 3600.0}
OVERDUE_WITHOUT_QUEUE_S = 30.0  # nobody else embeds them, but for a process that lives on and is at it already
STEP = 500  # claimed at once
STEPS = 10  # of one priority in one sweep; the next goes on
SHORT_S = 15.0  # with less time left no further step is begun


async def sweep(deployment: Deployment, overdue_s: Mapping[Priority, float] = OVERDUE_S) -> int:
    """Queue again, or embed here where there is no queue, what has waited too long. Any number may overlap.

    Args:
        overdue_s: By priority: how long is too long.

    Returns:
        How many memories were found.
    """
    found = 0
    for priority in ORDER:
        url = queue_url(deployment.settings, priority)
        bound_s = overdue_s[priority] if url else min(OVERDUE_WITHOUT_QUEUE_S, overdue_s[priority])
        for _ in range(STEPS):
            if not _time_left():
                return found
            jobs = await overdue(deployment, priority, bound_s)
            found += len(jobs)
            if not jobs:
                break
            if not await _handed_out(deployment, url, jobs):
                return found
    return found


async def overdue(deployment: Deployment, priority: Priority, overdue_s: float) -> list[EmbeddingJob]:
    """Claim a step of what has waited longer than that."""
    agent_ids = [agent.agent_id for agent in deployment.agents]
    jobs = await deployment.database.embeddings.claim_overdue(agent_ids, priority, overdue_s=overdue_s, limit=STEP)
    if jobs:
        log.warning("embeddings overdue", extra={"jobs": len(jobs), "priority": str(priority)})
    return jobs


async def forgotten(deployment: Deployment) -> list[EmbeddingJob]:
    """A step of what waits for an embedding and nobody queued in this process, of the highest priority there is."""
    for priority in ORDER:
        if jobs := await overdue(deployment, priority, OVERDUE_WITHOUT_QUEUE_S):
            return jobs
    return []


def _time_left() -> bool:
    limit = current_deadline()
    return limit is None or limit.remaining_s() > SHORT_S


async def _handed_out(deployment: Deployment, url: str | None, jobs: Sequence[EmbeddingJob]) -> bool:
    """Queue or embed jobs; says whether there is any use in going on. Those not done are overdue again later."""
    if url is None:
        drained = [await _embedded(deployment, *each) for each in by_agent(jobs).items()]
        return all(drained)
    try:
        queue = await deployment.shared(queue_opener(url))
        await queue.send(messages_of(jobs))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("embeddings not queued again", extra={"jobs": len(jobs), "error_code": error.code})
        return False
    return True


async def _embedded(deployment: Deployment, agent_id: UUID, ids: Sequence[UUID]) -> bool:
    async with runtime_of(deployment, agent_id) as runtime:
        return not runtime.embeds or not (await drain_jobs(runtime, ids)).returned
