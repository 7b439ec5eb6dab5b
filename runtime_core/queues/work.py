"""Reader of the work queue: runs jobs and reports failed ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.jobs import Job, JobKind, parse_job
from runtime_core.domain.result import load_result
from runtime_core.domain.run import RunStatus
from runtime_core.errors import AgentNotFound, InvalidInput, TurnInProgress
from runtime_core.queues.embedding.sweep import EMBEDDING_DRAIN, run_drain_task
from runtime_core.queues.task_work import run_claimed_task
from runtime_core.support.deadline import bounded_s
from runtime_core.support.scope import turn_scope
from runtime_core.turn.evaluate import EVALUATE_TASK, run_evaluators

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

AT_ONCE = 4  # concurrent jobs of one batch: they wait for models, not for the CPU
_WITHOUT_DEADLINE_S = 900.0


async def run_jobs(deployment: AgentHost, records: Iterable[tuple[str, str]]) -> list[str]:
    """Run the jobs of a batch independently, within the deadline.

    Args:
        records: Id and body of each message.

    Returns:
        Ids of the jobs that failed or did not run, in order; the queue retries them.
    """
    given = list(records)
    allowed = asyncio.Semaphore(AT_ONCE)

    async def run(record_id: str, body: str) -> bool:
        async with allowed:
            return await _run_record(deployment, record_id, body)

    tasks = [asyncio.ensure_future(run(*each)) for each in given]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, timeout=bounded_s(_WITHOUT_DEADLINE_S))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        record_id for (record_id, _), task in zip(given, tasks, strict=True) if task.cancelled() or not task.result()
    ]


async def _run_record(deployment: AgentHost, record_id: str, body: str) -> bool:
    """Run the job of one message; return whether it succeeded."""
    try:
        await run_job(deployment, parse_job(body))
    except Exception:
        log.exception("job failed", extra={"record_id": record_id})
        return False
    return True


async def run_job(deployment: AgentHost, job: Job) -> None:
    """Run one job; a job whose subject was deleted does nothing.

    Raises:
        AgentNotFound: The agent does not run here.
        TurnInProgress: The turn to evaluate has not ended.
        MayflyError: The job failed; safe to retry.
    """
    if not deployment.runs(job.agent_id):
        raise AgentNotFound(f"agent {job.agent_id} does not run here, so its job failed: add the agent to AGENTS")
    async with _runtime_of(deployment, job.agent_id) as runtime:
        if job.kind is JobKind.EVALUATE:
            await evaluate_run(runtime, job.subject_id)
        elif job.held_until is None:
            raise InvalidInput("is required for a task", path="job.held_until")
        else:
            await run_claimed_task(runtime, job.subject_id, job.held_until)


@asynccontextmanager
async def _runtime_of(deployment: AgentHost, agent_id: UUID) -> AsyncIterator[Context]:
    runtime = await deployment.runtime(agent_id)
    runtime.register_task_worker(EVALUATE_TASK, _evaluate_task)
    runtime.register_task_worker(EMBEDDING_DRAIN, run_drain_task)
    try:
        yield runtime
    finally:
        await runtime.stop()


async def _evaluate_task(runtime: Context, options: Mapping[str, Any]) -> None:
    await evaluate_run(runtime, UUID(str(options["run_id"])))


async def evaluate_run(runtime: Context, run_id: UUID) -> None:
    """Run the evaluators of a turn that has ended.

    A failed turn is skipped: its retry enqueues another evaluation.

    Raises:
        TurnInProgress: The turn has not ended.
    """
    run = await runtime.database.turns.get_run(run_id)
    if run is None or run.agent_id != runtime.agent_id or run.status is RunStatus.FAILED:
        return
    if run.status is RunStatus.RUNNING:
        raise TurnInProgress(f"run {run_id} has not ended", retry_after_s=1.0)
    message = await runtime.get_memory_by_id(run.message_id)
    if message is None:  # deleted since the job was enqueued
        return
    responses = load_result(run.result or {}).response_messages
    with turn_scope(runtime.agent_id, run.room_id) as scope:
        scope.run_id = run.id
        state = await runtime.compose_state(message)
        await run_evaluators(runtime, message, state, did_respond=bool(responses), responses=responses)
