"""Plan and act: the model answers, or asks for actions whose results go back to it, until it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from runtime_core.chat import ChatMessage, ChatRole, ModelType, TextResponse, ToolCall, ToolSpec
from runtime_core.errors import ModelAnswerMalformed, ModelAnswerTruncated
from runtime_core.memory import Content, Memory, coerce_content
from runtime_core.planning import ToolCallContext, execute_planned_tool_call, find_action, for_model
from runtime_core.prompt import chat_messages, tool_specs
from runtime_core.run import ActionResult
from runtime_core.should_respond import channel_of
from runtime_core.state import State
from runtime_core.turn_scope import TurnScope
from runtime_core.values import coerce

if TYPE_CHECKING:
    from runtime_core.runtime import AgentRuntime

_LAST_WORD = "The steps allowed for this message are used up: answer the user now, with what you have."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One round of actions, as the run keeps it: enough for another invocation to go on from.

    Attributes:
        text: What the model wrote beside its calls.
        results: One for each call, in order.
        said: What the actions sent to the user.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ActionResult, ...] = ()
    said: tuple[Memory, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        return {"text": self.text, "calls": self.calls, "results": self.results, "said": self.said}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears the turn as it goes on: pieces of text, and whole contents."""

    on_delta: Callable[[str, UUID], Awaitable[Any]] | None = None
    on_content: Callable[[Content], Awaitable[Any]] | None = None


@dataclass(slots=True, kw_only=True)
class Answering:
    """One message being answered.

    Attributes:
        response_id: Id of the answer to come; streamed pieces carry it.
            A new one after text that came with calls.
        ended: An action ended the turn.
    """

    runtime: AgentRuntime
    message: Memory
    scope: TurnScope
    state: State
    lease_owner: UUID
    max_iterations: int
    max_retries: int
    listener: Listener = field(default_factory=Listener)
    response_id: UUID = field(default_factory=uuid4)
    steps: list[Step] = field(default_factory=list)
    ended: bool = False

    def resume(self, stored: Sequence[Mapping[str, Any]]) -> None:
        """Take over what an earlier invocation did."""
        for each in stored:
            step = coerce(Step, each, name="run.steps")
            self.steps.append(step)
            self.scope.responses.extend(step.said)
            for result in step.results:
                self.scope.add_result(self.message.id, result)
        self.ended = bool(self.steps) and self._ends(self.steps[-1])

    async def answer(self) -> None:
        """Go on until the model answers in text, an action ends the turn, or the steps are used up."""
        tools = tool_specs(self.state, self.runtime.providers_in_order())
        while not self.ended:
            last = len(self.steps) >= self.max_iterations
            response = await self._asked([] if last else tools, last=last)
            if last or not response.tool_calls:
                await self._say_answer(response.text)
                return
            await self._act(response)

    async def _asked(self, tools: list[ToolSpec], *, last: bool) -> TextResponse:
        messages = [*self._base_messages(), *self._step_messages()]
        if last:
            messages.append(ChatMessage(role=ChatRole.SYSTEM, text=_LAST_WORD))
        params: dict[str, Any] = {"messages": messages}
        if tools:
            params["tools"] = tools
        if self.listener.on_delta is not None:
            params["on_delta"] = self._told
        try:
            given = await self.runtime.use_model(ModelType.TEXT_LARGE, params, max_retries=self.max_retries)
        except ModelAnswerTruncated as error:
            if not error.partial.strip():
                raise
            return TextResponse(text=error.partial, finish_reason="length")
        except ModelAnswerMalformed:
            if not self.scope.responses:
                raise
            return TextResponse()  # the actions said it all
        response = given if isinstance(given, TextResponse) else TextResponse(text=str(given))
        if not response.text.strip() and not response.tool_calls and not self.scope.responses:
            raise ModelAnswerMalformed("the model answered with nothing")
        return response

    async def _told(self, piece: str) -> None:
        if self.listener.on_delta is not None:
            await self.listener.on_delta(piece, self.response_id)

    def _base_messages(self) -> list[ChatMessage]:
        context = self.scope.context
        names = {each.id: each.names[0] for each in context.entities if each.names} if context else {}
        return chat_messages(
            agent_id=self.runtime.agent_id,
            state=self.state,
            providers=self.runtime.providers_in_order(),
            message=self.message,
            names=names,
            channel=channel_of(self.message, context),
        )

    def _step_messages(self) -> list[ChatMessage]:
        messages: list[ChatMessage] = []
        for step in self.steps:
            messages.append(ChatMessage(role=ChatRole.ASSISTANT, text=step.text, tool_calls=step.calls))
            messages.extend(
                ChatMessage(role=ChatRole.TOOL, text=for_model(result), tool_call_id=call.id, name=call.name)
                for call, result in zip(step.calls, step.results, strict=True)
            )
        return messages

    async def _act(self, response: TextResponse) -> None:
        said_before = len(self.scope.responses)
        if response.text.strip():
            await self._deliver(self._keep(Content(text=response.text), self.response_id).content)
            self.response_id = uuid4()
        results = []
        for call in response.tool_calls:
            context = ToolCallContext(
                message=self.message,
                state=self.state,
                active_contexts=self.runtime.active_contexts(),
                user_roles=self.runtime.roles_of(self.message, self.scope.context),
                callback=self.say,
            )
            result = await execute_planned_tool_call(self.runtime, context, call)
            self.state = _with_result(self.state, result)
            results.append(result)
        step = Step(
            text=response.text,
            calls=response.tool_calls,
            results=tuple(results),
            said=tuple(self.scope.responses[said_before:]),
        )
        self.steps.append(step)
        self.ended = self._ends(step)
        if not self.ended:
            await self.runtime.database.turns.checkpoint(
                self.runtime.agent_id, self.scope.run_id, self.lease_owner, self.steps_as_json()
            )

    def steps_as_json(self) -> tuple[Mapping[str, Any], ...]:
        """The steps done, as the run keeps them."""
        return tuple(step.as_json() for step in self.steps)

    def _ends(self, step: Step) -> bool:
        """Whether an action of this step ended the turn."""
        return any(
            result.success and (action := find_action(self.runtime.actions, result.action)) and action.ends_turn
            for result in step.results
        )

    async def say(self, content: Content | Mapping[str, Any]) -> list[Memory]:
        """Send something to the user at once; it is stored with the turn. What actions get as `callback`."""
        memory = self._keep(coerce_content(content), uuid4())
        await self._deliver(memory.content)
        return [memory]

    async def _say_answer(self, text: str) -> None:
        """Keep the answer; it goes out once it is stored."""
        if text.strip():
            self._keep(Content(text=text.strip()), self.response_id)

    async def _deliver(self, content: Content) -> None:
        if self.listener.on_content is not None:
            await self.listener.on_content(content)

    def _keep(self, content: Content, memory_id: UUID) -> Memory:
        asked = self.message.content
        ran = tuple(dict.fromkeys(result.action for step in self.steps for result in step.results))
        content = replace(
            content,
            source=content.source or asked.source,
            channel_type=content.channel_type or asked.channel_type,
            in_reply_to=content.in_reply_to or self.message.id,
            actions=content.actions or ran or ("REPLY",),
        )
        memory = Memory(
            id=memory_id,
            agent_id=self.runtime.agent_id,
            entity_id=self.runtime.agent_id,
            room_id=self.message.room_id,
            world_id=self.message.world_id,
            content=content,
            created_at=self._next_time(),
        )
        self.scope.responses.append(memory)
        return memory

    def _next_time(self) -> datetime:
        """The store's clock, carried on; always after the message and after what was said before."""
        now = self.scope.now()
        last = self.scope.responses[-1].created_at if self.scope.responses else self.message.created_at
        return max(now, last + timedelta(microseconds=1)) if last else now


def _with_result(state: State, result: ActionResult) -> State:
    """The state with a result's values merged in and the result listed, for the actions after it."""
    done = (*state.data.get("action_results", ()), result)
    return replace(state, values={**state.values, **result.values}, data={**state.data, "action_results": done})
