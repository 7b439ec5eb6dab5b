"""Model loop of a turn.

The loop calls the model and runs the actions that it calls, until the model answers in text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from runtime_core.domain.chat import ChatMessage, TextResponse, ToolCall
from runtime_core.domain.memory import Content, Memory, coerce_content
from runtime_core.domain.run import ActionResult, Run
from runtime_core.domain.state import State
from runtime_core.domain.values import coerce
from runtime_core.errors import ModelAnswerMalformed
from runtime_core.rooms.roles import roles_held
from runtime_core.support import background
from runtime_core.support.arguments import call
from runtime_core.turn.act import ToolCallContext, execute_planned_tool_call, find_action
from runtime_core.turn.decide import channel_of
from runtime_core.turn.finish import enqueue_message
from runtime_core.turn.model_protocol import ModelPrompt, ModelProtocol
from runtime_core.turn.native_protocol import NativeProtocol
from runtime_core.turn.plan import Plan, plan_in
from runtime_core.turn.prompt import chat_messages
from runtime_core.turn.value import Step, Turn, TurnRuntime


async def answer(turn: Turn, run: Run) -> None:
    """Answer a message, resuming from the stored steps.

    The loop ends when the model answers, an action ends the turn, or no step is left.

    Raises:
        ModelError: The model failed, or answered with nothing.
        StoreError: A step was not stored.
    """
    await enqueue_message(turn)
    if turn.queue is not None:  # loading the cloud's client takes a while: do it while the model works
        background.start(turn.queue.prepare(), name="work queue", owner=turn.runtime)
    _resume(turn, run.steps)
    await _Answering(turn).run()


class _Answering:
    """The rounds of one answer."""

    def __init__(self, turn: Turn) -> None:
        settings, options = turn.runtime.settings, turn.options
        retries = settings.model_max_retries if options.max_retries is None else options.max_retries
        self._turn = turn
        self._max_iterations = options.max_iterations or settings.max_multi_step_iterations
        self._protocol = _protocol_of(turn.runtime, max_retries=retries)

    async def run(self) -> None:
        turn = self._turn
        while not _has_ended(turn):
            is_last = len(turn.steps) >= self._max_iterations
            response = await self._ask(is_last=is_last)
            if is_last or not response.tool_calls:
                if text := response.text.strip():
                    _keep(turn, Content(text=text), turn.response_id)
                return
            await self._act(response)

    async def _ask(self, *, is_last: bool) -> TextResponse:
        turn, looked_up = self._turn, frozenset[str]()
        while True:
            prompt = ModelPrompt(
                base=_base_messages(turn),
                state=turn.composed,
                steps=turn.steps,
                is_last=is_last,
                on_piece=self._stream if turn.options.on_delta is not None else None,
            )
            try:
                reply = await self._protocol.ask(prompt)
            except ModelAnswerMalformed:
                if not turn.scope.responses:
                    raise
                return TextResponse()  # the actions said everything
            if reply.lookups <= looked_up:
                break
            looked_up |= reply.lookups
            await _look_up(turn, looked_up)
        response = reply.response
        if not response.text.strip() and not response.tool_calls and not turn.scope.responses:
            raise ModelAnswerMalformed("the model answered with nothing")
        return response

    async def _stream(self, piece: str) -> None:
        if self._turn.options.on_delta is not None:
            await call(self._turn.options.on_delta, (piece, self._turn.response_id))

    async def _act(self, response: TextResponse) -> None:
        turn, runtime, scope = self._turn, self._turn.runtime, self._turn.scope
        said_before = len(scope.responses)
        if response.text.strip():
            await turn.send(_keep(turn, Content(text=response.text), turn.response_id).content)
            turn.response_id = uuid4()
        turn.state = _with_plan(turn.composed, plan_in(turn.composed.data).with_calls(response.tool_calls))
        results = [await self._run_action(tool_call) for tool_call in response.tool_calls]
        turn.steps.append(
            Step(
                text=response.text,
                calls=response.tool_calls,
                results=tuple(results),
                said=tuple(scope.responses[said_before:]),
            )
        )
        if not _has_ended(turn):
            steps = turn.steps_as_json()
            await runtime.database.turns.checkpoint(runtime.agent_id, scope.run_id, turn.owner, steps)

    async def _run_action(self, tool_call: ToolCall) -> ActionResult:
        turn, runtime = self._turn, self._turn.runtime
        context = ToolCallContext(
            message=turn.message,
            state=turn.composed,
            active_contexts=runtime.active_contexts(),
            user_roles=roles_held(turn.context.world, turn.message.entity_id),
            callback=self._say,
        )
        result = await execute_planned_tool_call(runtime, context, tool_call)
        turn.state = _with_result(turn.composed, tool_call, result)
        return result

    async def _say(self, content: Content | Mapping[str, Any]) -> Sequence[Memory]:
        """Send content to the user at once.

        The content is stored with the turn. This method is the `callback` of actions.
        """
        memory = _keep(self._turn, coerce_content(content), uuid4())
        await self._turn.send(memory.content)
        return [memory]


def _protocol_of(runtime: TurnRuntime, *, max_retries: int) -> ModelProtocol:
    """Choose the model protocol: setting `ACTION_PROTOCOL`."""
    if runtime.get_setting("ACTION_PROTOCOL") != "text":
        return NativeProtocol(runtime=runtime, max_retries=max_retries)
    from runtime_core.turn.text_protocol import TextProtocol  # noqa: PLC0415 - loaded only when chosen

    return TextProtocol(runtime=runtime, max_retries=max_retries)


def _resume(turn: Turn, stored: Sequence[Mapping[str, Any]]) -> None:
    """Restore what an earlier invocation did."""
    for each in stored:
        step = coerce(Step, each, name="run.steps")
        turn.steps.append(step)
        turn.scope.responses.extend(step.said)
        turn.state = _with_plan(turn.composed, plan_in(turn.composed.data).with_calls(step.calls))
        for tool_call, result in zip(step.calls, step.results, strict=True):
            turn.scope.add_result(turn.message.id, result)
            turn.state = _with_result(turn.composed, tool_call, result)


def _has_ended(turn: Turn) -> bool:
    """Whether an action of the last step ended the turn."""
    results = turn.steps[-1].results if turn.steps else ()
    return any(
        result.success and (action := find_action(turn.runtime.actions, result.action)) and action.ends_turn
        for result in results
    )


def _base_messages(turn: Turn) -> list[ChatMessage]:
    names = {each.id: each.names[0] for each in turn.context.entities if each.names}
    return chat_messages(
        agent_id=turn.runtime.agent_id,
        state=turn.composed,
        providers=turn.runtime.providers_in_order(),
        message=turn.message,
        names=names,
        channel=channel_of(turn.message, turn.context),
    )


async def _look_up(turn: Turn, names: frozenset[str]) -> None:
    """Add further providers to the state.

    The state keeps what the turn did so far.
    """
    before = turn.composed
    state = await turn.runtime.compose_state(turn.message, sorted(names))
    done = {key: before.data[key] for key in ("action_results", "plan") if key in before.data}
    turn.state = replace(state, values={**before.values, **state.values}, data={**state.data, **done})


def _keep(turn: Turn, content: Content, memory_id: UUID) -> Memory:
    """Add content to the turn's answers.

    The answers are stored at the end of the turn.
    """
    message = turn.message
    ran = tuple(dict.fromkeys(result.action for step in turn.steps for result in step.results))
    content = replace(
        content,
        source=content.source or message.content.source,
        channel_type=content.channel_type or message.content.channel_type,
        in_reply_to=content.in_reply_to or message.id,
        actions=content.actions or ran or ("REPLY",),
    )
    memory = Memory(
        id=memory_id,
        agent_id=turn.runtime.agent_id,
        entity_id=turn.runtime.agent_id,
        room_id=message.room_id,
        world_id=message.world_id,
        content=content,
        created_at=_next_time(turn),
    )
    turn.scope.responses.append(memory)
    return memory


def _next_time(turn: Turn) -> datetime:
    """Return the store's time, advanced since the claim.

    It is always later than the message and the previous answer.
    """
    now, said = turn.scope.now(), turn.scope.responses
    last = said[-1].created_at if said else turn.message.created_at
    return max(now, last + timedelta(microseconds=1)) if last else now


def _with_plan(state: State, plan: Plan) -> State:
    return replace(state, data={**state.data, "plan": plan})


def _with_result(state: State, tool_call: ToolCall, result: ActionResult) -> State:
    """Merge a result's values into the state.

    The step of the result is marked done, for the actions after it.
    """
    done = (*state.data.get("action_results", ()), result)
    plan = plan_in(state.data).with_result(tool_call.id, result)
    data = {**state.data, "action_results": done, "plan": plan}
    return replace(state, values={**state.values, **result.values}, data=data)
