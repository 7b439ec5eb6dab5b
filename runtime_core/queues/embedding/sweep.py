"""EMBEDDING_DRAIN: a task of each agent that finds memories waiting too long, because their queue message was lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.agent.components import Plugin
from runtime_core.domain.chat import ModelType
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.task import Task
from runtime_core.errors import DeadlineExceeded, MayflyError, QueueError
from runtime_core.ports import DatabaseAdapter
from runtime_core.queues.embedding.deliveries import runtime_of
from runtime_core.queues.embedding.job import EmbeddingJob, Priority
from runtime_core.queues.embedding.lanes import ORDER
from runtime_core.queues.embedding.queueing import messages_of, queue_url
from runtime_core.queues.embedding.worker import drain_jobs
from runtime_core.queues.task_work import QUEUE, REPEAT
from runtime_core.support.deadline import current_deadline
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.agent.agent_config import AgentConfig
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

EMBEDDING_DRAIN = "EMBEDDING_DRAIN"
INTERVAL_MS = 30_000  # half of a tick's: each tick finds it due
# Longer than a queue is behind in health, or a backlog would be queued twice; imports are behind for hours.
OVERDUE_S: Mapping[Priority, float] = {Priority.HIGH: 300.0, Priority.NORMAL: 900.0, Priority.LOW: 6 * 3600.0}
OVERDUE_WITHOUT_QUEUE_S = 30.0  # nobody else embeds them, but for a process that lives on and is at it already
STEP = 500  # claimed at once
STEPS = 10  # of one priority in one sweep; the next goes on
SHORT_S = 15.0  # with less time left no further step is begun


async def keep_drain_tasks(deployment: Deployment) -> None:
    """Make sure that each agent with an embedding model has its task; one that is there stays as it is."""
    for agent in deployment.agents:
        if _declares_a_model(agent) or await _registers_a_model(deployment, agent.agent_id):
            await deployment.database.records.insert(agent.agent_id, [drain_task()], ignore_existing=True)


def _declares_a_model(agent: AgentConfig) -> bool:
    """Whether a plugin says so itself, as most do: then no runtime has to be started to know."""
    return any(isinstance(each, Plugin) and ModelType.TEXT_EMBEDDING in each.models for each in agent.plugins)


async def _registers_a_model(deployment: Deployment, agent_id: UUID) -> bool:
    try:
        async with runtime_of(deployment, agent_id) as runtime:
            return runtime.embeds
    except MayflyError as error:  # the other agents' tasks come due all the same
        log.error("agent does not start", extra={"agent_id": str(agent_id), "error": str(error)})
        return False


def drain_task() -> Task:
    """The task of any agent: always of the same id, so that it is there once."""
    return Task(
        id=string_to_uuid(EMBEDDING_DRAIN),
        name=EMBEDDING_DRAIN,
        description="Queues again, or embeds, what has waited too long for an embedding",
        tags=(QUEUE, REPEAT),
        metadata={"update_interval": INTERVAL_MS},
    )


async def do_drain_task(runtime: AgentRuntime, options: Mapping[str, Any]) -> dict[str, Any]:
    """Do the task, and note in it how many memories were found.

    Args:
        options: The task's metadata; `overdue_s` may set how long is too long, by priority.
    """
    changed = options.get("overdue_s")
    return {"found": await sweep(runtime, {**OVERDUE_S, **(changed if isinstance(changed, Mapping) else {})})}


async def sweep(runtime: AgentRuntime, overdue_s: Mapping[Priority, float] = OVERDUE_S) -> int:
    """Queue again, or embed here where there is no queue, what has waited too long. Any number may overlap.

    Args:
        overdue_s: By priority: how long is too long.

    Returns:
        How many memories were found.
    """
    found = 0
    for priority in ORDER:
        url = queue_url(runtime.settings, priority)
        bound_s = overdue_s[priority] if url else min(OVERDUE_WITHOUT_QUEUE_S, overdue_s[priority])
        for _ in range(STEPS):
            if not _time_left():
                return found
            jobs = await _overdue(runtime.database, [runtime.agent_id], priority, bound_s)
            if jobs:
                log.warning("embeddings overdue", extra={"jobs": len(jobs), "priority": str(priority)})
            found += len(jobs)
            if not jobs:
                break
            if not await _handed_out(runtime, url, jobs):
                return found
    return found


async def _overdue(
    database: DatabaseAdapter, agent_ids: Sequence[UUID], priority: Priority, overdue_s: float
) -> list[EmbeddingJob]:
    """Claim a step of what has waited longer than that; what another claims at this moment is passed over."""
    return await database.embeddings.claim_overdue(agent_ids, priority, overdue_s=overdue_s, limit=STEP)


async def forgotten(deployment: Deployment) -> list[EmbeddingJob]:
    """A step of what waits for an embedding and nobody queued in this process, of the highest priority there is."""
    agent_ids = [agent.agent_id for agent in deployment.agents]
    for priority in ORDER:
        if jobs := await _overdue(deployment.database, agent_ids, priority, OVERDUE_WITHOUT_QUEUE_S):
            return jobs
    return []


def _time_left() -> bool:
    limit = current_deadline()
    return limit is None or limit.remaining_s() > SHORT_S


async def _handed_out(runtime: AgentRuntime, url: str | None, jobs: Sequence[EmbeddingJob]) -> bool:
    """Queue or embed jobs; says whether there is any use in going on. Those not done are overdue again later."""
    if url is None:
        return runtime.embeds and not (await drain_jobs(runtime, [job.memory_id for job in jobs])).returned
    try:
        queue = await runtime.shared(queue_opener(url))
        await queue.send(messages_of(jobs))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("embeddings not queued again", extra={"jobs": len(jobs), "error_code": error.code})
        return False
    return True
