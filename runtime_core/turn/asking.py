"""One round of asking the model: with native tools, or in the text protocol for models that call none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from runtime_core.domain.chat import ChatMessage, ChatRole, ModelType, TextResponse, ToolCall
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.run import ActionResult
from runtime_core.errors import ModelAnswerTruncated
from runtime_core.turn.planning import for_model
from runtime_core.turn.prompt import tool_specs
from runtime_core.turn.state import State

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

LAST_WORD = "The steps allowed for this message are used up: answer the user now, with what you have."

OnPiece: TypeAlias = Callable[[str], Awaitable[Any]]


class DoneStep(Protocol):
    """What was done in an earlier round."""

    @property
    def text(self) -> str: ...
    @property
    def calls(self) -> tuple[ToolCall, ...]: ...
    @property
    def results(self) -> tuple[ActionResult, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a round is asked with.

    Attributes:
        base: The system message, the conversation, and the message to answer.
        last: No further round follows: the model has to answer.
        told: Gets what the user may see of the answer, piece by piece; None where nobody listens.
    """

    base: Sequence[ChatMessage]
    state: State
    steps: Sequence[DoneStep] = ()
    last: bool = False
    told: OnPiece | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the model answered; `lookups` are providers that it wants to hear first."""

    response: TextResponse
    lookups: frozenset[str] = frozenset()


class Asking(Protocol):
    """How a round is asked."""

    async def ask(self, question: Question) -> Heard:
        """Ask the model once; its calls are read, checked by nobody yet.

        Raises:
            ModelError: It gave no answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeAsking:
    """Actions are the model's tools."""

    runtime: AgentRuntime
    max_retries: int

    async def ask(self, question: Question) -> Heard:
        messages = [*question.base, *_tool_messages(question.steps)]
        params: dict[str, Any] = {"messages": messages}
        if question.last:
            messages.append(ChatMessage(role=ChatRole.SYSTEM, text=LAST_WORD))
        elif tools := tool_specs(question.state, self.runtime.providers_in_order()):
            params["tools"] = tools
        if question.told is not None:
            params["on_delta"] = question.told
        return Heard(response=await response_of(self.runtime, params, self.max_retries))


def asking_for(runtime: AgentRuntime, *, max_retries: int) -> Asking:
    """How this agent's model is asked: setting `ACTION_PROTOCOL`."""
    if runtime.get_setting("ACTION_PROTOCOL") != "text":
        return NativeAsking(runtime=runtime, max_retries=max_retries)
    from runtime_core.turn.text_asking import TextAsking  # noqa: PLC0415 - loaded only when chosen

    return TextAsking(runtime=runtime, max_retries=max_retries)


async def response_of(runtime: AgentRuntime, params: Mapping[str, Any], max_retries: int) -> TextResponse:
    """Ask once; an answer that was cut short counts as far as it goes."""
    try:
        given = await runtime.use_model(ModelType.TEXT_LARGE, params, max_retries=max_retries)
    except ModelAnswerTruncated as error:
        if not error.partial.strip():
            raise
        given = TextResponse(text=error.partial, finish_reason="length")
    return _cleaned(given if isinstance(given, TextResponse) else TextResponse(text=str(given)))


def _cleaned(response: TextResponse) -> TextResponse:
    """The answer without what no database keeps: NUL characters and halves of surrogate pairs."""
    calls = tuple(
        replace(call, name=_clean(call.name), arguments=_clean(call.arguments)) for call in response.tool_calls
    )
    return replace(response, text=_clean(response.text), tool_calls=calls)


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()


def _tool_messages(steps: Sequence[DoneStep]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for step in steps:
        messages.append(ChatMessage(role=ChatRole.ASSISTANT, text=step.text, tool_calls=step.calls))
        messages.extend(
            ChatMessage(role=ChatRole.TOOL, text=for_model(result), tool_call_id=call.id, name=call.name)
            for call, result in zip(step.calls, step.results, strict=True)
        )
    return messages
