"""Embedding jobs as SQS delivers them: drained together, and those that failed given back, some with a wait."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.errors import AgentNotFound, DeadlineExceeded, InvalidInput, MayflyError, QueueError
from runtime_core.queues.embedding.batch_queue import BatchQueue, QueueLimits, RetryPolicy
from runtime_core.queues.embedding.drain import Returned
from runtime_core.queues.embedding.job import EmbeddingJob, parse_embedding_job
from runtime_core.queues.embedding.worker import by_agent, drain_jobs
from runtime_core.queues.jobs import Delivery
from runtime_core.wiring import redelivery_opener

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

LIMITS = QueueLimits(batch_size=1, concurrency=4)  # agents; the queue outside tries again what failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    delivery: Delivery
    job: EmbeddingJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agent:
    """What the deliveries hold for one agent."""

    id: UUID
    memory_ids: Sequence[UUID]


async def embed_deliveries(deployment: Deployment, deliveries: Sequence[Delivery]) -> list[str]:
    """Embed what the deliveries name.

    Returns:
        Ids of the deliveries that are to be handed out again, in order.
    """
    read = [_Read(delivery=each, job=_job(each)) for each in deliveries]
    returned: dict[UUID, Returned] = {}

    async def drain(agents: Sequence[_Agent]) -> None:
        for agent in agents:
            returned.update(await _drained(deployment, agent))

    def give_back(agent: _Agent, error: MayflyError) -> None:
        fields = {"agent_id": str(agent.id), "jobs": len(agent.memory_ids), "error_code": error.code}
        log.warning("embedding failed", extra=fields, exc_info=error)
        returned.update(dict.fromkeys(agent.memory_ids, Returned(error=error, after_s=error.retry_after_s)))

    queue = BatchQueue(drain, limits=LIMITS, retry=RetryPolicy(attempts=1), on_failed=give_back)
    for agent_id, ids in by_agent([each.job for each in read if each.job is not None]).items():
        await queue.put(_Agent(id=agent_id, memory_ids=ids))
    await queue.drain()
    failed = [each for each in read if each.job is None or each.job.memory_id in returned]
    await _hold_back(deployment, failed, returned)
    return [each.delivery.id for each in failed]


def _job(delivery: Delivery) -> EmbeddingJob | None:
    try:
        return parse_embedding_job(delivery.body)
    except InvalidInput as error:
        log.error("no embedding job", extra={"record_id": delivery.id, "error": str(error)})
        return None


async def _drained(deployment: Deployment, agent: _Agent) -> dict[UUID, Returned]:
    async with runtime_of(deployment, agent.id) as runtime:
        return (await drain_jobs(runtime, agent.memory_ids)).returned


@asynccontextmanager
async def runtime_of(deployment: Deployment, agent_id: UUID) -> AsyncIterator[AgentRuntime]:
    """A runtime for the time of one batch.

    Raises:
        AgentNotFound: The agent does not run here (any more).
    """
    if not deployment.runs(agent_id):
        raise AgentNotFound(f"no agent {agent_id} runs here, so its memories cannot be embedded")
    runtime = await deployment.runtime(agent_id)
    try:
        yield runtime
    finally:
        await runtime.stop()


async def _hold_back(deployment: Deployment, failed: Sequence[_Read], returned: dict[UUID, Returned]) -> None:
    """Let the queue hand some out after the wait that fits, not after its own; where it fails, its own will do."""
    waits = [
        (each.delivery, after_s)
        for each in failed
        if each.job is not None and (after_s := returned[each.job.memory_id].after_s) is not None
    ]
    if not waits:
        return
    try:
        redelivery = await deployment.shared(redelivery_opener())
        await redelivery.hold_back(waits)
    except (QueueError, DeadlineExceeded) as error:
        log.warning("deliveries wait as long as the queue says", extra={"error_code": error.code})
