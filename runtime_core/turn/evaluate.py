"""Evaluation of a turn, once the answer is out.

It runs here, or where the work queue is read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

from runtime_core.domain.events import EventType
from runtime_core.domain.jobs import Job, JobKind, messages_of
from runtime_core.domain.memory import Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.state import State
from runtime_core.domain.task import Task
from runtime_core.errors import DeadlineExceeded, QueueError
from runtime_core.plugin_api import Context, Evaluator
from runtime_core.ports import JobQueue
from runtime_core.queues.task_work import QUEUE
from runtime_core.support import background
from runtime_core.support.arguments import call
from runtime_core.support.deadline import restored, within
from runtime_core.turn.value import Turn

log = logging.getLogger(__name__)

EVALUATE_TASK = "EVALUATE_TURN"  # kept where the queue did not take the job; the tick finds it
_DELAY_S = 2  # the job goes out beside the turn's end, and must not be read before that
_SEND_LIMIT_S = 5.0


def concerned(evaluators: Sequence[Evaluator], *, did_respond: bool) -> list[Evaluator]:
    """Those that look at such a turn at all."""
    return [each for each in evaluators if did_respond or each.always_run]


async def run_evaluators(
    runtime: Context, message: Memory, state: State, *, did_respond: bool, responses: Sequence[Memory]
) -> list[Evaluator]:
    """Run the due evaluators, one after the other.

    A failing evaluator is logged.

    Returns:
        Those that ran to their end.
    """
    due = concerned(runtime.evaluators, did_respond=did_respond)
    return [each for each in due if await _ran(runtime, each, message, state, responses)]


async def _ran(
    runtime: Context, evaluator: Evaluator, message: Memory, state: State, responses: Sequence[Memory]
) -> bool:
    event = {
        "runtime": runtime,
        "run_id": runtime.get_current_run_id(),
        "message_id": message.id,
        "evaluator": evaluator.name,
    }
    try:
        due = evaluator.validate is None or await call(evaluator.validate, (runtime, message, state))
        if not due:
            return False
        await runtime.emit(EventType.EVALUATOR_STARTED, event)
        await call(evaluator.handler, (runtime, message, state, responses))
    except Exception as error:
        log.exception("evaluator failed", extra={"evaluator": evaluator.name})
        await runtime.emit(EventType.EVALUATOR_COMPLETED, {**event, "error": f"{type(error).__name__}: {error}"})
        return False
    await runtime.emit(EventType.EVALUATOR_COMPLETED, event)
    return True


async def enqueue_evaluation(runtime: Context, queue: JobQueue, run_id: UUID) -> None:
    """Enqueue a turn's evaluators.

    If the work queue takes no message, store a task that the next tick finds.

    Raises:
        StoreError: Neither the queue nor the store accepted it.
    """
    job = Job(kind=JobKind.EVALUATE, agent_id=runtime.agent_id, subject_id=run_id)
    try:
        async with within(_SEND_LIMIT_S, "handing the evaluators over"):
            await queue.send(messages_of([job], delay_s=_DELAY_S))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("work queue not reached", extra={"error_code": error.code, "run_id": str(run_id)}, exc_info=error)
        task = Task(name=EVALUATE_TASK, tags=(QUEUE,), metadata={"run_id": str(run_id)})
        await runtime.database.records.insert(runtime.agent_id, [task])


async def evaluate_later(turn: Turn, result: MessageProcessingResult) -> None:
    """Start the evaluators in this process, if no queue takes them.

    The answer does not wait for them.
    """
    runtime = turn.runtime
    if turn.queue is None and concerned(runtime.evaluators, did_respond=result.did_respond):
        evaluate = partial(
            runtime.evaluate,
            turn.message,
            result.state,
            result.did_respond,
            responses=result.response_messages,
        )
        background.start(outlive(turn, evaluate), name="evaluators", owner=runtime)


async def outlive(turn: Turn, work: Callable[[], Awaitable[object]]) -> None:
    """Do work that goes on after the answer.

    The time limit of this message alone does not bound it.
    """
    with restored(turn.outer_deadline):
        await work()
