"""End of a turn.

One transaction stores the answer and ends the run; after a failure the claim is released.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.events import EventType
from runtime_core.domain.result import MessageProcessingResult, Mode, dump_result
from runtime_core.domain.run import RunStatus, TurnEnd
from runtime_core.errors import DeadlineExceeded, LeaseLost, MayflyError
from runtime_core.queues.embedding.queueing import enqueue_embeddings, enqueue_while_storing
from runtime_core.support import background
from runtime_core.support.deadline import current_deadline, grace
from runtime_core.turn.evaluate import concerned, enqueue_evaluation, outlive
from runtime_core.turn.value import Turn

log = logging.getLogger(__name__)

RELEASE_S = 0.5  # to release the claim of a failed turn, out of the time that the environment reserves


async def finish(turn: Turn) -> MessageProcessingResult:
    """Store the answer and end the run.

    Embeddings and evaluators are enqueued concurrently.

    Raises:
        LeaseLost: Another invocation took the message over; nothing is stored.
        StoreError: The answer was not stored.
    """
    runtime, scope = turn.runtime, turn.scope
    result = _result(turn)
    if turn.queue is not None and concerned(runtime.evaluators, did_respond=result.did_respond):
        enqueue = partial(enqueue_evaluation, runtime, turn.queue, scope.run_id)
        background.start(outlive(turn, enqueue), name="evaluators", owner=runtime)
    await enqueue_message(turn)
    end = TurnEnd(
        run_id=scope.run_id,
        agent_id=runtime.agent_id,
        lease_owner=turn.owner,
        status=RunStatus.COMPLETED,
        answers=result.response_messages,
        steps=turn.steps_as_json(),
        result=dump_result(result),
        details=turn.details(),
        embedding_priority="normal" if runtime.embeds else None,
    )
    async with enqueue_while_storing(runtime, end.answers, Priority.NORMAL):
        await runtime.database.turns.finish(end)
    turn.end_phase("finish_ms")
    return result


def _result(turn: Turn) -> MessageProcessingResult:
    scope = turn.scope
    has_acted = any(result.action for result in scope.results.get(turn.message.id, ()))
    mode = Mode.NONE if not scope.responses else Mode.ACTIONS if has_acted else Mode.SIMPLE
    return MessageProcessingResult(
        message_id=turn.message.id,
        run_id=scope.run_id,
        agent_id=turn.runtime.agent_id,
        room_id=turn.message.room_id,
        mode=mode,
        response_messages=tuple(scope.responses),
        usage=scope.usage,
        state=turn.state,
    )


async def enqueue_message(turn: Turn) -> None:
    """Enqueue the embedding of the message once.

    It is enqueued while the model works, else at the end of the turn.
    """
    if not turn.is_enqueued:
        turn.is_enqueued = True
        await enqueue_embeddings(turn.runtime, [turn.message], Priority.HIGH)


async def deliver(turn: Turn, result: MessageProcessingResult) -> None:
    """Send the final answer; what actions said was sent while they ran."""
    for memory in result.response_messages:
        if memory.id == turn.response_id:
            await turn.send(memory.content)
        await turn.runtime.emit(EventType.MESSAGE_SENT, {**turn.event(), "message": memory})


async def fail(turn: Turn, error: BaseException) -> None:
    """Release the claim, so that the next delivery resumes at once."""
    if isinstance(error, LeaseLost):
        return
    code = _code(error)
    end = TurnEnd(
        run_id=turn.scope.run_id,
        agent_id=turn.runtime.agent_id,
        lease_owner=turn.owner,
        status=RunStatus.FAILED,
        steps=turn.steps_as_json(),
        error={"code": code, "message": str(error) if isinstance(error, MayflyError) else type(error).__name__},
        details=turn.details(),
    )
    ended = EventType.RUN_TIMEOUT if _has_timed_out(error) else EventType.RUN_ENDED
    await turn.runtime.emit(ended, turn.event(code))
    try:
        with grace(RELEASE_S):
            await asyncio.shield(turn.runtime.database.turns.finish(end))
    except MayflyError as second:  # the lease ends by itself: only a little time is lost
        log.warning("claim not released", extra={"run_id": str(end.run_id), "error_code": second.code})


def log_failure(turn: Turn, error: BaseException) -> None:
    """Log the end of a turn that failed."""
    log_end(turn, "failed", error_code=_code(error), timed_out=_has_timed_out(error))


def log_end(turn: Turn, outcome: str, **more: object) -> None:
    """Log the one line that tells the whole turn, whatever its outcome."""
    scope = turn.scope
    turn.runtime.logger.info(
        "turn finished",
        extra={
            "message_id": str(turn.message.id),
            "outcome": outcome,
            **more,
            "model_calls": len(scope.calls),
            "input_tokens": scope.usage.input_tokens,
            "output_tokens": scope.usage.output_tokens,
            "round_trips": scope.round_trips,
            "db_ms": round(scope.database_ms, 3),
            **turn.phases,
            "duration_ms": turn.elapsed_ms(),
        },
    )


def _code(error: BaseException) -> str:
    if isinstance(error, MayflyError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"


def _has_timed_out(error: BaseException) -> bool:
    limit = current_deadline()
    return isinstance(error, DeadlineExceeded) or (limit is not None and limit.remaining_s() <= 0)
