"""The work queue's other end: jobs read, done, and those that failed given back; and the tick that fills it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.result import replayed
from runtime_core.domain.run import RunStatus
from runtime_core.errors import AgentNotFound, InvalidInput, MayflyError, TurnInProgress
from runtime_core.queues.embedding.sweep import EMBEDDING_DRAIN, do_drain_task, keep_drain_tasks
from runtime_core.queues.jobs import Job, JobKind, messages_of, parse_job
from runtime_core.queues.task_work import LEASE_S, do_claimed_task
from runtime_core.support.deadline import bounded_s
from runtime_core.turn.evaluation import EVALUATE_TASK, run_evaluators
from runtime_core.turn.scope import turn_scope
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

AT_ONCE = 4  # jobs of one batch: they wait for models, not for this process
TICK_S = 60.0  # between two ticks, as the schedule's on AWS
TICK_LIMIT = 100  # tasks claimed by one tick; the next finds what is left
_WITHOUT_DEADLINE_S = 900.0


async def work_off(deployment: Deployment, records: Iterable[tuple[str, str]]) -> list[str]:
    """Do the jobs of a batch, each for itself, within the deadline.

    Args:
        records: Id and body of each.

    Returns:
        Ids of those that failed or were not reached, in order: the queue hands them out again.
    """
    given = list(records)
    allowed = asyncio.Semaphore(AT_ONCE)

    async def done(record_id: str, body: str) -> bool:
        async with allowed:
            return await _done(deployment, record_id, body)

    tasks = [asyncio.ensure_future(done(*each)) for each in given]
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


async def _done(deployment: Deployment, record_id: str, body: str) -> bool:
    """Whether a job needs no further delivery."""
    try:
        await do_job(deployment, parse_job(body))
    except Exception:
        log.exception("job failed", extra={"record_id": record_id})
        return False
    return True


async def do_job(deployment: Deployment, job: Job) -> None:
    """Do one job; one whose subject is gone is done.

    Raises:
        AgentNotFound: The agent does not run here (any more).
        TurnInProgress: The turn to look back on has not ended.
        MayflyError: The job failed; it may be tried again.
    """
    if not deployment.runs(job.agent_id):
        raise AgentNotFound(f"no agent {job.agent_id} runs here, so its job cannot be done")
    async with _runtime_of(deployment, job.agent_id) as runtime:
        if job.kind is JobKind.EVALUATE:
            await evaluate_run(runtime, job.subject_id)
        elif job.held_until is None:
            raise InvalidInput("names no claim", path="job.held_until")
        else:
            await do_claimed_task(runtime, job.subject_id, job.held_until)


@asynccontextmanager
async def _runtime_of(deployment: Deployment, agent_id: UUID) -> AsyncIterator[AgentRuntime]:
    runtime = await deployment.runtime(agent_id)
    runtime.register_task_worker(EVALUATE_TASK, _evaluate_task)
    runtime.register_task_worker(EMBEDDING_DRAIN, do_drain_task)
    try:
        yield runtime
    finally:
        await runtime.stop()


async def _evaluate_task(runtime: AgentRuntime, options: Mapping[str, Any]) -> None:
    await evaluate_run(runtime, UUID(str(options["run_id"])))


async def evaluate_run(runtime: AgentRuntime, run_id: UUID) -> None:
    """Run the evaluators of a turn that has ended; of one that failed, nothing: its next delivery hands over anew.

    Raises:
        TurnInProgress: It goes on still.
    """
    run = await runtime.database.turns.get_run(run_id)
    if run is None or run.agent_id != runtime.agent_id or run.status is RunStatus.FAILED:
        return
    if run.status is RunStatus.RUNNING:
        raise TurnInProgress(f"run {run_id} has not ended", retry_after_s=1.0)
    message = await runtime.get_memory_by_id(run.message_id)
    if message is None:  # deleted meanwhile
        return
    responses = replayed(run.result or {}).response_messages
    with turn_scope(runtime.agent_id, run.room_id) as scope:
        scope.run_id = run.id
        state = await runtime.compose_state(message)
        await run_evaluators(runtime, message, state, did_respond=bool(responses), responses=responses)


async def tick(deployment: Deployment) -> int:
    """Claim what is due and put it on the work queue; without a queue, do it here. Any number may overlap.

    EMBEDDING_DRAIN is among each agent's tasks, whoever deletes it.

    Returns:
        How many tasks were claimed.
    """
    await keep_drain_tasks(deployment)
    agent_ids = [agent.agent_id for agent in deployment.agents]
    claimed = await deployment.database.tasks.claim(agent_ids, lease_s=LEASE_S, limit=TICK_LIMIT)
    jobs = [
        Job(kind=JobKind.TASK, agent_id=task.agent_id, subject_id=task.id, held_until=task.due_at)
        for task in claimed
        if task.agent_id is not None
    ]
    await _hand_out(deployment, jobs)
    if claimed:
        log.info("tasks due", extra={"tasks": len(claimed)})
    return len(claimed)


@asynccontextmanager
async def ticking(deployment: Deployment, *, every_s: float = TICK_S) -> AsyncIterator[None]:
    """Do what comes due, at once and again and again, while it is open: for a process that lives on between messages.

    Where a work queue is set, the schedule outside fills it, not this process.
    """
    if deployment.settings.work_queue_url is not None:
        yield
        return
    running = asyncio.ensure_future(_tick_again(deployment, every_s))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _tick_again(deployment: Deployment, every_s: float) -> None:
    while True:
        try:
            await tick(deployment)
        except MayflyError as error:
            log.warning("tick failed, the next one tries again", extra={"error_code": error.code, "error": str(error)})
        await asyncio.sleep(every_s)


async def _hand_out(deployment: Deployment, jobs: Sequence[Job]) -> None:
    url = deployment.settings.work_queue_url
    if url is None:
        await work_off(deployment, [(str(job.subject_id), job.body()) for job in jobs])
    elif jobs:
        queue = await deployment.shared(queue_opener(url))
        await queue.send(messages_of(jobs))
