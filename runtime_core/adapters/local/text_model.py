"""The local text model: the rule-based conversation behind the port of every text model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runtime_core.adapters.local.conversation import Conversation
from runtime_core.adapters.local.rulebook import Rulebook, listener_rules
from runtime_core.chat import ChatMessage, ChatRole, OnDelta, TextRequest, TextResponse, Usage
from runtime_core.deadline import bounded_s

MODEL_NAME = "local-listener"

_ANSWER_TIME_S = 1.0  # far more than an answer takes; asked for so that no answer starts after the deadline
_SELF = re.compile(r"You are ([A-Z][^,\n]{0,59}?)\.?(?:,[^\n]*)?(?:\n|$)")


class LocalTextModel:
    """Answers offline, by rules.

    It keeps nothing between calls: the conversation is followed again from the request's messages, so
    that equal requests get equal answers, in any process. The character's name is read from the first
    line of the system message, `You are <name>.`. Tools are never called; sampling options mean
    nothing here and are passed over. Usage counts words.
    """

    def __init__(self, rules: Rulebook | None = None) -> None:
        self._rules = rules

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        bounded_s(_ANSWER_TIME_S)
        text = answer(self._rules or listener_rules(), request.messages)
        if on_delta is not None:
            for piece in re.findall(r"\S+\s*", text):
                await on_delta(piece)
        usage = Usage(
            input_tokens=sum(len(message.text.split()) for message in request.messages),
            output_tokens=len(text.split()),
        )
        return TextResponse(text=text, usage=usage, model=MODEL_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """A user's message and what the assistant said to it."""

    message: ChatMessage
    said: tuple[str, ...] = ()


def answer(rules: Rulebook, messages: Sequence[ChatMessage]) -> str:
    """Answer the last message of a user, after following the conversation up to there."""
    conversation = Conversation(rules, character=_character(messages))
    exchanges = _exchanges(messages)
    if not exchanges:
        return conversation.open()
    *earlier, last = exchanges
    for each in earlier:
        if each.said:
            conversation.answer(each.message.text, speaker=each.message.name, said=each.said)
        else:
            conversation.listen(each.message.text, speaker=each.message.name)
    return conversation.answer(last.message.text, speaker=last.message.name)


def _exchanges(messages: Sequence[ChatMessage]) -> list[_Exchange]:
    exchanges: list[_Exchange] = []
    for message in messages:
        if message.role is ChatRole.USER:
            exchanges.append(_Exchange(message=message))
        elif message.role is ChatRole.ASSISTANT and message.text and exchanges:
            last = exchanges[-1]
            exchanges[-1] = _Exchange(message=last.message, said=(*last.said, message.text))
    return exchanges


def _character(messages: Sequence[ChatMessage]) -> str | None:
    if not messages or messages[0].role is not ChatRole.SYSTEM:
        return None
    found = _SELF.match(messages[0].text)
    return found[1] if found else None
