"""Local text model over the rule-based conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from runtime_core.adapters.local.conversation import Conversation
from runtime_core.adapters.local.rulebook import Rulebook, listener_rules
from runtime_core.domain.chat import ChatMessage, ChatRole, OnDelta, TextRequest, TextResponse, Usage
from runtime_core.domain.frozen import dataclass
from runtime_core.support.deadline import bounded_s

MODEL_NAME = "local-listener"

_ANSWER_TIME_S = 1.0  # far more than an answer takes; checked so that no answer starts after the deadline
_MAX_SPEAKER_CHARACTERS = 80
_SELF = re.compile(r"You are (?!an? |the )([^,\n]{1,60}?)\.?(?:,[^\n]*)?(?:\n|$)")


class LocalTextModel:
    """Offline, rule-based `TextModel`.

    It keeps no state between calls: it replays the conversation from the request's messages, so equal requests get
    equal answers in any process. It reads the character's name from the first line of the system message,
    `You are <name>.`, and the speakers from the messages' `name`s or, in shared rooms, from the `<name>: ` before each
    text, as `runtime_core.turn.prompt` writes them. It never calls tools and ignores sampling options. Usage counts
    words.
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
    """User's message and the assistant's replies to it."""

    text: str
    speaker: str | None
    said: tuple[str, ...] = ()


def answer(rules: Rulebook, messages: Sequence[ChatMessage]) -> str:
    """Replay the conversation and answer its last user message."""
    conversation = Conversation(rules, character=_character(messages))
    exchanges = _exchanges(messages)
    if not exchanges:
        return conversation.open()
    *earlier, last = exchanges
    for each in earlier:
        if each.said:
            conversation.answer(each.text, speaker=each.speaker, said=each.said)
        else:
            conversation.listen(each.text, speaker=each.speaker)
    return conversation.answer(last.text, speaker=last.speaker)


def _exchanges(messages: Sequence[ChatMessage]) -> list[_Exchange]:
    users = [message for message in messages if message.role is ChatRole.USER]
    last_name = users[-1].name if users else None
    is_shared = last_name is not None and users[-1].text.startswith(f"{last_name}: ")
    exchanges: list[_Exchange] = []
    for message in messages:
        if message.role is ChatRole.USER:
            exchanges.append(_spoken(message, last_name, is_shared=is_shared))
        elif message.role is ChatRole.ASSISTANT and message.text and exchanges:
            last = exchanges[-1]
            exchanges[-1] = replace(last, said=(*last.said, message.text))
    return exchanges


def _spoken(message: ChatMessage, last_name: str | None, *, is_shared: bool) -> _Exchange:
    """Separate speaker and text.

    Only in a shared room does a text begin with the speaker's name.
    """
    if is_shared:
        name, colon, text = message.text.partition(": ")
        if colon and len(name) <= _MAX_SPEAKER_CHARACTERS and (message.name or name) == name:
            return _Exchange(text=text, speaker=name)
    return _Exchange(text=message.text, speaker=message.name or last_name)


def _character(messages: Sequence[ChatMessage]) -> str | None:
    if not messages or messages[0].role is not ChatRole.SYSTEM:
        return None
    found = _SELF.match(messages[0].text)
    return found[1] if found else None
