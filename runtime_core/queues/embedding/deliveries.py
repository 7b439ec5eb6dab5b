"""Reader of the embedding queues: drains delivered jobs and retries failed ones."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.embedding_job import EmbeddingJob, parse_embedding_job
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.jobs import QueueDelivery
from runtime_core.errors import AgentNotFound, InvalidInput, MayflyError
from runtime_core.queues.embedding.batch_queue import BatchQueue, QueueLimits, RetryPolicy
from runtime_core.queues.embedding.drain import EmbeddingRetry
from runtime_core.queues.embedding.worker import drain_jobs, group_by_agent
from runtime_core.queues.retry import retry_deliveries

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

LIMITS = QueueLimits(batch_size=1, concurrency=4)  # in agents


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    """A delivery and its job; None for an invalid body."""

    delivery: QueueDelivery
    job: EmbeddingJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agent:
    """The memories of one agent to embed."""

    id: UUID
    memory_ids: Sequence[UUID]


async def embed_deliveries(deployment: AgentHost, deliveries: Sequence[QueueDelivery]) -> list[str]:
    """Embed the memories of the deliveries.

    Returns:
        Ids of the deliveries to retry, in order.
    """
    parsed = [_Parsed(delivery=each, job=_parse(each)) for each in deliveries]
    retries: dict[UUID, EmbeddingRetry] = {}

    async def drain(agents: Sequence[_Agent]) -> None:
        for agent in agents:
            retries.update(await _drain(deployment, agent))

    def retry_agent(agent: _Agent, error: MayflyError) -> None:
        fields = {"agent_id": str(agent.id), "jobs": len(agent.memory_ids), "error_code": error.code}
        log.warning("embedding failed", extra=fields, exc_info=error)
        retries.update(dict.fromkeys(agent.memory_ids, EmbeddingRetry(error=error, after_s=error.retry_after_s)))

    queue = BatchQueue(drain, limits=LIMITS, retry=RetryPolicy(attempts=1), on_failed=retry_agent)
    for agent_id, ids in group_by_agent([each.job for each in parsed if each.job is not None]).items():
        await queue.put(_Agent(id=agent_id, memory_ids=ids))
    await queue.drain()
    failed = [each for each in parsed if each.job is None or each.job.memory_id in retries]
    waits = [
        (each.delivery, after_s)
        for each in failed
        if each.job is not None and (after_s := retries[each.job.memory_id].after_s) is not None
    ]
    await retry_deliveries(deployment, waits)
    return [each.delivery.id for each in failed]


def _parse(delivery: QueueDelivery) -> EmbeddingJob | None:
    try:
        return parse_embedding_job(delivery.body)
    except InvalidInput as error:
        log.error("delivery is not an embedding job", extra={"record_id": delivery.id, "error": str(error)})
        return None


async def _drain(deployment: AgentHost, agent: _Agent) -> dict[UUID, EmbeddingRetry]:
    async with runtime_of(deployment, agent.id) as runtime:
        return (await drain_jobs(runtime, agent.memory_ids)).retries


@asynccontextmanager
async def runtime_of(deployment: AgentHost, agent_id: UUID) -> AsyncIterator[Context]:
    """Open an agent's runtime for one batch, and stop it afterwards.

    Raises:
        AgentNotFound: The agent does not run here.
    """
    if not deployment.runs(agent_id):
        raise AgentNotFound(f"agent {agent_id} does not run here, so nothing was embedded: add the agent to AGENTS")
    runtime = await deployment.runtime(agent_id)
    try:
        yield runtime
    finally:
        await runtime.stop()
