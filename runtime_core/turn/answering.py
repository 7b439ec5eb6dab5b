"""Plan and act: the model answers, or asks for actions whose results go back to it, until it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from runtime_core.domain.chat import ChatMessage, TextResponse, ToolCall
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory, coerce_content
from runtime_core.domain.run import ActionResult
from runtime_core.domain.values import coerce
from runtime_core.errors import ModelAnswerMalformed
from runtime_core.turn.asking import Asking, Question, asking_for
from runtime_core.turn.plan import Plan, plan_in
from runtime_core.turn.planning import ToolCallContext, execute_planned_tool_call, find_action
from runtime_core.turn.prompt import chat_messages
from runtime_core.turn.scope import TurnScope
from runtime_core.turn.should_respond import channel_of
from runtime_core.turn.state import State

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime


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
            self.state = _planned(self.state, plan_in(self.state.data).with_calls(step.calls))
            for call, result in zip(step.calls, step.results, strict=True):
                self.scope.add_result(self.message.id, result)
                self.state = _with_result(self.state, call, result)
        self.ended = bool(self.steps) and self._ends(self.steps[-1])

    async def answer(self) -> None:
        """Go on until the model answers in text, an action ends the turn, or the steps are used up."""
        asking = asking_for(self.runtime, max_retries=self.max_retries)
        while not self.ended:
            last = len(self.steps) >= self.max_iterations
            response = await self._asked(asking, last=last)
            if last or not response.tool_calls:
                await self._say_answer(response.text)
                return
            await self._act(response)

    async def _asked(self, asking: Asking, *, last: bool) -> TextResponse:
        looked_up: frozenset[str] = frozenset()
        while True:
            question = Question(
                base=self._base_messages(),
                state=self.state,
                steps=self.steps,
                last=last,
                told=self._told if self.listener.on_delta is not None else None,
            )
            try:
                heard = await asking.ask(question)
            except ModelAnswerMalformed:
                if not self.scope.responses:
                    raise
                return TextResponse()  # the actions said it all
            if heard.lookups <= looked_up:
                break
            looked_up |= heard.lookups
            await self._look_up(looked_up)
        response = heard.response
        if not response.text.strip() and not response.tool_calls and not self.scope.responses:
            raise ModelAnswerMalformed("the model answered with nothing")
        return response

    async def _look_up(self, names: frozenset[str]) -> None:
        """Let further providers into the state; what the turn did so far stays in it."""
        state = await self.runtime.compose_state(self.message, sorted(names))
        done = {key: self.state.data[key] for key in ("action_results", "plan") if key in self.state.data}
        self.state = replace(state, values={**self.state.values, **state.values}, data={**state.data, **done})

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

    async def _act(self, response: TextResponse) -> None:
        said_before = len(self.scope.responses)
        if response.text.strip():
            await self._deliver(self._keep(Content(text=response.text), self.response_id).content)
            self.response_id = uuid4()
        results = []
        self.state = _planned(self.state, plan_in(self.state.data).with_calls(response.tool_calls))
        for call in response.tool_calls:
            context = ToolCallContext(
                message=self.message,
                state=self.state,
                active_contexts=self.runtime.active_contexts(),
                user_roles=self.runtime.roles_of(self.message, self.scope.context),
                callback=self.say,
            )
            result = await execute_planned_tool_call(self.runtime, context, call)
            self.state = _with_result(self.state, call, result)
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


def _planned(state: State, plan: Plan) -> State:
    return replace(state, data={**state.data, "plan": plan})


def _with_result(state: State, call: ToolCall, result: ActionResult) -> State:
    """The state with a result's values merged in and its step done, for the actions after it."""
    done = (*state.data.get("action_results", ()), result)
    plan = plan_in(state.data).with_result(call.id, result)
    data = {**state.data, "action_results": done, "plan": plan}
    return replace(state, values={**state.values, **result.values}, data=data)
