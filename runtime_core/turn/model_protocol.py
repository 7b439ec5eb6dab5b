"""Protocol of a round of the model.

It is independent of how the model names actions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from runtime_core.domain.chat import ChatMessage, ModelType, TextResponse
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.state import State
from runtime_core.errors import ModelAnswerTruncated
from runtime_core.plugin_api import Context
from runtime_core.turn.value import Step

LAST_WORD = "The steps allowed for this message are used up: answer the user now, with what you have."

OnPiece: TypeAlias = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrompt:
    """The input of one round.

    Attributes:
        base: The system message, the conversation, and the message to answer.
        is_last: No further round follows: the model has to answer.
        on_piece: Awaited with each piece of the answer that the user may see; None where nothing listens.
    """

    base: Sequence[ChatMessage]
    state: State
    steps: Sequence[Step] = ()
    is_last: bool = False
    on_piece: OnPiece | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """Output of one round.

    `lookups` names providers that the model wants to read first.
    """

    response: TextResponse
    lookups: frozenset[str] = frozenset()


class ModelProtocol(Protocol):
    """Runs a round: with native tools, or in text."""

    async def ask(self, prompt: ModelPrompt) -> ModelReply:
        """Ask the model once; its calls are parsed, but not checked.

        Raises:
            ModelError: It gave no answer.
        """


async def ask_once(runtime: Context, params: Mapping[str, Any], max_retries: int) -> TextResponse:
    """Ask once; a truncated answer counts as far as it goes."""
    try:
        given: object = await runtime.use_model(str(ModelType.TEXT_LARGE), params, max_retries=max_retries)
    except ModelAnswerTruncated as error:
        if not error.partial.strip():
            raise
        given = TextResponse(text=error.partial, finish_reason="length")
    return _storable(given if isinstance(given, TextResponse) else TextResponse(text=str(given)))


def _storable(response: TextResponse) -> TextResponse:
    """Remove what no database stores: NUL characters and lone surrogates."""
    calls = tuple(
        replace(call, name=_clean(call.name), arguments=_clean(call.arguments)) for call in response.tool_calls
    )
    return replace(response, text=_clean(response.text), tool_calls=calls)


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()
