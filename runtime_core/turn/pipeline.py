"""One message through the pipeline: claim and persist, decide, compose, plan and act, persist, deliver, evaluate."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID, uuid4

from runtime_core.agent.components import called
from runtime_core.agent.events import EventType
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.memory_query import Recall
from runtime_core.domain.result import MessageProcessingResult, Mode, replayed, stored
from runtime_core.domain.run import Outcome, Run, RunStatus, TurnContext, TurnEnd, TurnStart, body_hash
from runtime_core.domain.world import ChannelType, Entity, ParticipantState, Room, World
from runtime_core.errors import (
    DeadlineExceeded,
    InvalidInput,
    LeaseLost,
    MayflyError,
    MessageConflict,
    RoomOfAnotherAgent,
    TurnInProgress,
)
from runtime_core.queues.embedding.job import Priority
from runtime_core.queues.embedding.queueing import enqueue_embeddings, enqueue_while_storing
from runtime_core.recall.recall_task import Recollection, recall_mode
from runtime_core.rooms.deletion import clear_channel, delete_message
from runtime_core.rooms.participation import set_state
from runtime_core.support import background
from runtime_core.support.deadline import Deadline, current_deadline, deadline, grace, restored
from runtime_core.turn.answering import Answering, Listener
from runtime_core.turn.attachments import limits_of, with_attachments_read
from runtime_core.turn.evaluation import concerned, enqueue_evaluation
from runtime_core.turn.scope import TurnScope, turn_scope
from runtime_core.turn.should_respond import Verdict, verdict_by_model, verdict_by_rule
from runtime_core.turn.state import State

if TYPE_CHECKING:
    from runtime_core.ports import JobQueue
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

OnContent: TypeAlias = Callable[..., Awaitable[Any]]

UNBOUNDED_LEASE_S = 120.0  # a process without a deadline: how long a crash there holds up the next delivery
_ASK_AGAIN_S = 5.0  # an answer usually comes long before the claim on it ends
RELEASE_S = 0.5  # to free the claim of a turn that failed, out of the time that the environment keeps back
LEASE_MARGIN_S = 1.0  # past the deadline, so that a turn that ends in time never loses its claim


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """How one message is processed.

    Attributes:
        on_delta: Awaited with `(piece, response_id)` as the model writes.
        max_retries: Further rounds of model calls after a retryable failure; None takes the setting's.
        timeout_s: Bounds the whole turn; an earlier deadline stays in force.
        lease_s: How long the claim holds; None takes the time the deadline leaves.
        may_join: The agent may join a room that another agent opened.
        run_id: Names the run of a message that is new; None gives it a new id.
    """

    on_delta: Callable[..., Awaitable[Any]] | None = None
    max_retries: int | None = None
    timeout_s: float | None = None
    max_iterations: int | None = None
    lease_s: float | None = None
    may_join: bool = True
    run_id: UUID | None = None


DEFAULT_OPTIONS = TurnOptions()


class MessageService(Protocol):
    """Processes messages; a plugin may put another in place of `Pipeline`."""

    async def handle_message(
        self,
        runtime: AgentRuntime,
        message: Memory,
        callback: OnContent | None = None,
        *,
        options: TurnOptions = DEFAULT_OPTIONS,
    ) -> MessageProcessingResult:
        """Process one message; `callback` gets every content as it comes."""

    async def delete_message(self, runtime: AgentRuntime, message_id: UUID) -> bool:
        """Delete a message and tell `MESSAGE_DELETED`; says whether it was there."""

    async def clear_channel(self, runtime: AgentRuntime, room_id: UUID) -> int:
        """Delete a room's messages and tell `CHANNEL_CLEARED`; says how many there were."""


class Pipeline:
    """The message service of this package."""

    async def handle_message(
        self,
        runtime: AgentRuntime,
        message: Memory,
        callback: OnContent | None = None,
        *,
        options: TurnOptions = DEFAULT_OPTIONS,
    ) -> MessageProcessingResult:
        """Process one message once: the same id again gets the stored answer.

        Raises:
            InvalidInput: The message says nothing.
            TurnInProgress: Another invocation is answering it.
            MessageConflict: Its id was used with another body.
            RoomOfAnotherAgent: And `options.may_join` is False.
            ModelError, StoreError, DeadlineExceeded: The turn failed; the message is stored, and the
                next delivery of it goes on where this one stopped.
        """
        message = replace(runtime.as_message(message), agent_id=runtime.agent_id)
        if not message.content.text.strip() and not message.content.attachments:
            raise InvalidInput("the message says nothing: text is empty and there is no attachment", path="content")
        limit = Deadline.after(options.timeout_s) if options.timeout_s else None
        with turn_scope(runtime.agent_id, message.room_id) as scope:
            scope.run_id = options.run_id or scope.run_id
            turn = _Turn(runtime=runtime, message=message, scope=scope, callback=callback, options=options)
            if limit is None:
                return await turn.run()
            with deadline(limit):
                return await turn.run()

    async def delete_message(self, runtime: AgentRuntime, message_id: UUID) -> bool:
        return await delete_message(runtime, message_id)

    async def clear_channel(self, runtime: AgentRuntime, room_id: UUID) -> int:
        return await clear_channel(runtime, room_id)


class _Turn:
    """One message's way; lives as long as its `run`."""

    def __init__(
        self,
        *,
        runtime: AgentRuntime,
        message: Memory,
        scope: TurnScope,
        callback: OnContent | None,
        options: TurnOptions,
    ) -> None:
        self._runtime = runtime
        self._message = message
        self._scope = scope
        self._callback = callback
        self._options = options
        self._owner = uuid4()
        self._outer_deadline = current_deadline()
        self._started = time.perf_counter()
        self._phases: dict[str, float] = {}
        self._answering: Answering | None = None
        self._is_handed_out = False
        self._queue: JobQueue | None = None

    async def run(self) -> MessageProcessingResult:
        recollection = Recollection(self._runtime, self._message, recall_mode(self._runtime))
        self._scope.recollection = recollection
        try:
            return await self._run(recollection)
        except BaseException as error:
            self._log_end("failed", error_code=_code(error), timed_out=_timed_out(error))
            raise
        finally:
            await recollection.close()

    async def _run(self, recollection: Recollection) -> MessageProcessingResult:
        runtime, scope = self._runtime, self._scope
        context = await runtime.database.turns.begin(self._start(recollection.with_claim))
        self._phase("begin_ms")
        run = _claimed(context, self._message, runtime)
        scope.run_id, scope.room_id = run.id, run.room_id
        if context.outcome is Outcome.REPLAY:
            return await self._replay(run)
        scope.context = context
        recollection.claimed(context)
        self._message = context.message or self._message
        scope.began = time.monotonic()
        self._queue = await runtime.work_queue() if runtime.evaluators else None
        await runtime.emit(EventType.RUN_STARTED, self._event())
        await runtime.emit(EventType.MESSAGE_RECEIVED, {**self._event(), "message": self._message})
        try:
            result = await self._process(context, run)
        except BaseException as error:
            await self._failed(error)
            raise
        await self._deliver(result)
        await self._ended(result)
        return result

    def _start(self, recall: Recall | None) -> TurnStart:
        runtime, message = self._runtime, self._message
        world_id = message.world_id or runtime.default_world_id
        agent = Entity(id=runtime.agent_id, names=(runtime.character.name,))
        sender_name = message.metadata.get("entity_name") or message.content.data.get("user_name")
        sender = Entity(id=message.entity_id, names=(str(sender_name),) if sender_name else ())
        return TurnStart(
            run_id=self._scope.run_id,
            agent_id=runtime.agent_id,
            agent_name=runtime.character.name,
            lease_owner=self._owner,
            lease_s=self._lease_s(),
            body_hash=body_hash(message),
            message=replace(message, world_id=world_id, embedding=None),
            world=World(id=world_id, name=message.content.source),
            room=Room(
                id=message.room_id,
                world_id=world_id,
                source=message.content.source,
                type=message.content.channel_type or ChannelType.API,
            ),
            entities=(agent,) if sender.id == agent.id else (sender, agent),
            conversation_length=runtime.get_conversation_length(),
            embedding_priority="high" if runtime.embeds else None,
            may_join=self._options.may_join,
            recall=recall,
        )

    def _lease_s(self) -> float:
        if self._options.lease_s is not None:
            return self._options.lease_s
        limit = current_deadline()
        return LEASE_MARGIN_S + (limit.remaining_s() if limit else UNBOUNDED_LEASE_S)

    async def _replay(self, run: Run) -> MessageProcessingResult:
        """The stored answer, told to the listener as when it was new."""
        result = replayed(run.result or {})
        for memory in result.response_messages:
            await self._tell(memory.content)
        self._log_end("replay")
        return result

    async def _process(self, context: TurnContext, run: Run) -> MessageProcessingResult:
        runtime, message = self._runtime, self._message
        by_rule = verdict_by_rule(
            message,
            context,
            agent_id=runtime.agent_id,
            agent_name=runtime.character.name,
            rules=runtime.response_rules(),
        )
        if by_rule is None and await self._replies_to_older_answer(context):
            by_rule = Verdict.RESPOND
        state: State | None = None
        if by_rule is not Verdict.IGNORE:
            if by_rule is Verdict.RESPOND:
                await self._read_attachments()
            state = await runtime.compose_state(self._message)
            self._phase("state_ms")
            verdict = by_rule or await verdict_by_model(runtime, message, state)
            if verdict is Verdict.RESPOND:
                if by_rule is None and await self._read_attachments():
                    state = await runtime.compose_state(self._message, skip_cache=True)
                state = await self._answer(state, run)
            elif verdict is Verdict.STOP:
                await self._mute()
        self._phase("answer_ms")
        return await self._finish(state)

    async def _replies_to_older_answer(self, context: TurnContext) -> bool:
        """Whether it replies to something the agent said before the messages that came with the claim."""
        replied = self._message.content.in_reply_to
        if replied is None or any(each.id == replied for each in context.messages):
            return False
        runtime = self._runtime
        found = await runtime.database.memories.get(runtime.agent_id, [replied])
        return any(each.entity_id == runtime.agent_id for each in found)

    async def _answer(self, state: State, run: Run) -> State:
        options, settings = self._options, self._runtime.settings
        await self._hand_out_message()
        if (
            self._queue is not None
        ):  # loading the cloud's client takes a while: as long as the model thinks, nobody waits
            background.start(self._queue.prepare(), name="work queue", owner=self._runtime)
        self._answering = answering = Answering(
            runtime=self._runtime,
            message=self._message,
            scope=self._scope,
            state=state,
            lease_owner=self._owner,
            max_iterations=options.max_iterations or settings.max_multi_step_iterations,
            max_retries=settings.model_max_retries if options.max_retries is None else options.max_retries,
        )
        on_delta = self._options.on_delta
        answering.listener = Listener(on_delta=on_delta and self._stream, on_content=self._tell)
        answering.resume(run.steps)
        await answering.answer()
        return answering.state

    async def _read_attachments(self) -> bool:
        """Put into words what came along; says whether that changed the message."""
        unread, runtime = self._message, self._runtime
        if not unread.content.attachments:
            return False
        self._message = await with_attachments_read(runtime, unread, runtime.fetcher(), limits_of(runtime.settings))
        if self._scope.context is not None:
            self._scope.context = replace(self._scope.context, message=self._message)
        self._phase("attachments_ms")
        return self._message is not unread

    async def _stream(self, piece: str, response_id: UUID) -> None:
        told = self._options.on_delta
        if told is not None:
            await called(told, (piece, response_id))

    async def _hand_out_message(self) -> None:
        """Let the message be embedded while the model thinks; where none is asked, at the turn's end."""
        if not self._is_handed_out:
            self._is_handed_out = True
            await enqueue_embeddings(self._runtime, [self._message], Priority.HIGH)

    async def _mute(self) -> None:
        await set_state(self._runtime, self._message.room_id, ParticipantState.MUTED)

    async def _finish(self, state: State | None) -> MessageProcessingResult:
        scope, runtime = self._scope, self._runtime
        steps = self._answering.steps_as_json() if self._answering else ()
        acted = any(result.action for result in scope.results.get(self._message.id, ()))
        mode = Mode.NONE if not scope.responses else Mode.ACTIONS if acted else Mode.SIMPLE
        result = MessageProcessingResult(
            message_id=self._message.id,
            run_id=scope.run_id,
            agent_id=runtime.agent_id,
            room_id=self._message.room_id,
            mode=mode,
            response_messages=tuple(scope.responses),
            usage=scope.usage,
            state=state,
        )
        if self._queue is not None and concerned(runtime.evaluators, did_respond=result.did_respond):
            handing_over = partial(enqueue_evaluation, runtime, self._queue, scope.run_id)
            background.start(self._outlives(handing_over), name="evaluators", owner=runtime)
        await self._hand_out_message()
        end = TurnEnd(
            run_id=scope.run_id,
            agent_id=runtime.agent_id,
            lease_owner=self._owner,
            status=RunStatus.COMPLETED,
            answers=result.response_messages,
            steps=steps,
            result=stored(result),
            details=self._details(),
            embedding_priority="normal" if runtime.embeds else None,
        )
        async with enqueue_while_storing(runtime, end.answers, Priority.NORMAL):
            await runtime.database.turns.finish(end)
        self._phase("finish_ms")
        return result

    async def _failed(self, error: BaseException) -> None:
        """Free the claim, so that the next delivery can go on at once; the error itself is the caller's."""
        if isinstance(error, LeaseLost):
            return
        code = _code(error)
        end = TurnEnd(
            run_id=self._scope.run_id,
            agent_id=self._runtime.agent_id,
            lease_owner=self._owner,
            status=RunStatus.FAILED,
            steps=self._answering.steps_as_json() if self._answering else (),
            error={"code": code, "message": str(error) if isinstance(error, MayflyError) else type(error).__name__},
            details=self._details(),
        )
        ended = EventType.RUN_TIMEOUT if _timed_out(error) else EventType.RUN_ENDED
        await self._runtime.emit(ended, self._event(code))
        try:
            with grace(RELEASE_S):
                await asyncio.shield(self._runtime.database.turns.finish(end))
        except MayflyError as second:  # the lease runs out by itself: nothing is lost but a little time
            log.warning("claim not freed", extra={"run_id": str(end.run_id), "error_code": second.code})

    async def _deliver(self, result: MessageProcessingResult) -> None:
        """Send what was not sent while acting: the final answer."""
        answer_id = self._answering.response_id if self._answering else None
        for memory in result.response_messages:
            if memory.id == answer_id:
                await self._tell(memory.content)
            await self._runtime.emit(EventType.MESSAGE_SENT, {**self._event(), "message": memory})

    async def _tell(self, content: Content) -> None:
        if self._callback is not None:
            await called(self._callback, (content,))

    async def _ended(self, result: MessageProcessingResult) -> None:
        runtime = self._runtime
        if self._queue is None and concerned(runtime.evaluators, did_respond=result.did_respond):
            background.start(self._outlives(partial(self._evaluate, result)), name="evaluators", owner=runtime)
        await runtime.emit(EventType.RUN_ENDED, self._event("completed"))
        self._log_end(result.mode.value)

    def _log_end(self, outcome: str, **more: object) -> None:
        """The one line that tells a turn's whole story, however it ended."""
        scope = self._scope
        self._runtime.logger.info(
            "turn finished",
            extra={
                "message_id": str(self._message.id),
                "outcome": outcome,
                **more,
                "model_calls": len(scope.calls),
                "input_tokens": scope.usage.input_tokens,
                "output_tokens": scope.usage.output_tokens,
                "round_trips": scope.round_trips,
                "db_ms": round(scope.database_ms, 3),
                **self._phases,
                "duration_ms": self._elapsed_ms(),
            },
        )

    async def _outlives(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what goes on behind the answer: not in the time that this message alone was given."""
        with restored(self._outer_deadline):
            await work()

    async def _evaluate(self, result: MessageProcessingResult) -> None:
        """Look back on the turn while whoever waited for the answer has it already."""
        await self._runtime.evaluate(
            self._message, result.state, did_respond=result.did_respond, responses=result.response_messages
        )

    def _details(self) -> dict[str, Any]:
        return {"timings_ms": dict(self._phases), "model_calls": self._scope.calls, "usage": self._scope.usage}

    def _event(self, status: str = "started") -> dict[str, Any]:
        return {
            "runtime": self._runtime,
            "run_id": self._scope.run_id,
            "message_id": self._message.id,
            "room_id": self._message.room_id,
            "entity_id": self._message.entity_id,
            "source": self._message.content.source,
            "status": status,
        }

    def _phase(self, name: str) -> None:
        """Note how long it took since the phase before."""
        self._phases[name] = round(self._elapsed_ms() - sum(self._phases.values()), 3)

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 3)


def _code(error: BaseException) -> str:
    if isinstance(error, MayflyError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"


def _timed_out(error: BaseException) -> bool:
    limit = current_deadline()
    return isinstance(error, DeadlineExceeded) or (limit is not None and limit.remaining_s() <= 0)


def _claimed(context: TurnContext, message: Memory, runtime: AgentRuntime) -> Run:
    """The run to go on with.

    Raises:
        TurnInProgress, MessageConflict, RoomOfAnotherAgent: The claim was not ours to have.
    """
    if context.outcome is Outcome.FOREIGN_ROOM:
        raise RoomOfAnotherAgent(
            f"room {message.room_id} belongs to agent {context.room_owner!r}: send the message to that agent, "
            f"or give {runtime.character.name!r} a room of its own"
        )
    if context.outcome is Outcome.CONFLICT:
        raise MessageConflict(
            f"message id {message.id} was used before with another body: a new message needs a new id"
        )
    assert context.run is not None  # noqa: S101 - every other outcome comes with the run
    if context.outcome is Outcome.RUNNING:
        until = context.run.lease_until or context.now
        retry_after_s = min(_ASK_AGAIN_S, max(1.0, (until - context.now).total_seconds()))
        raise TurnInProgress(
            f"message {message.id} is being answered by another invocation; ask again in {retry_after_s:.0f} s",
            retry_after_s=retry_after_s,
        )
    return context.run
