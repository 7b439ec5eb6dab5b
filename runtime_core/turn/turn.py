"""The way of one message, step by step."""

from __future__ import annotations

from runtime_core.domain.events import EventType
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.run import Run
from runtime_core.turn.answer import answer
from runtime_core.turn.claim import claim, replay
from runtime_core.turn.decide import Verdict, decide
from runtime_core.turn.evaluate import evaluate_later
from runtime_core.turn.finish import deliver, fail, finish, log_end, log_failure
from runtime_core.turn.value import Turn
from runtime_core.wiring import open_work_queue


async def take_turn(turn: Turn) -> MessageProcessingResult:
    """Take a message through its turn once.

    A message that was answered before gets the stored answer.

    Raises:
        TurnInProgress, MessageConflict, RoomOfAnotherAgent: As `claim`.
        MayflyError: The step that failed; the claim is released, so the next delivery resumes.
    """
    try:
        run = await claim(turn)
        if turn.scope.context is None:
            return await replay(turn, run)
        return await _process(turn, run)
    except BaseException as error:
        log_failure(turn, error)
        raise
    finally:
        await turn.recall.close()


async def _process(turn: Turn, run: Run) -> MessageProcessingResult:
    runtime = turn.runtime
    if runtime.settings.work_queue_url and runtime.evaluators:
        turn.queue = await open_work_queue(runtime)
    await runtime.emit(EventType.RUN_STARTED, turn.event())
    await runtime.emit(EventType.MESSAGE_RECEIVED, {**turn.event(), "message": turn.message})
    try:
        verdict = await decide(turn)  # composes the state where the rules do not ignore the message
        if verdict is Verdict.RESPOND:
            await answer(turn, run)  # asks the model, and acts on its calls until it answers
        turn.end_phase("answer_ms")
        result = await finish(turn)
    except BaseException as error:
        await fail(turn, error)
        raise
    await deliver(turn, result)
    await evaluate_later(turn, result)
    await runtime.emit(EventType.RUN_ENDED, turn.event("completed"))
    log_end(turn, result.mode.value)
    return result
