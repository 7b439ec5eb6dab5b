"""A conversation with a model: what is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, TypeAlias

from runtime_core.domain.frozen import dataclass

OnDelta: TypeAlias = Callable[[str], Awaitable[None]]
"""Gets each piece of text as the model writes it."""


class ModelType(StrEnum):
    """What a model is asked for; handlers are registered by it."""

    TEXT_SMALL = "TEXT_SMALL"
    TEXT_LARGE = "TEXT_LARGE"
    TEXT_EMBEDDING = "TEXT_EMBEDDING"
    OBJECT_SMALL = "OBJECT_SMALL"
    OBJECT_LARGE = "OBJECT_LARGE"
    IMAGE = "IMAGE"
    IMAGE_DESCRIPTION = "IMAGE_DESCRIPTION"
    TRANSCRIPTION = "TRANSCRIPTION"
    TEXT_TO_SPEECH = "TEXT_TO_SPEECH"


class ChatRole(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """An action the model wants run; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of the conversation.

    Attributes:
        name: Who speaks, when several users share the room.
        tool_calls: Only on the assistant's messages.
        tool_call_id: Only on a tool's message: the call it answers.
    """

    role: ChatRole
    text: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool offered to the model; `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """What a text model is asked.

    Attributes:
        messages: In order; the first may be the system's.
        model: The provider's name of the model; None takes the provider's own for the model type.
        options: Further parameters of the provider's API, passed on as they are (`seed`, `response_format`).
    """

    messages: Sequence[ChatMessage]
    tools: Sequence[ToolSpec] = ()
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more model calls; `cached_input_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
        )


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call of a model, as the run records it."""

    type: str
    provider: str
    model: str
    duration_ms: float
    usage: Usage = NO_USAGE
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextResponse:
    """What a text model answered: text, or tool calls, or both."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = NO_USAGE
    finish_reason: str = "stop"
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingResponse:
    """Vectors in the order of the texts, each of shape `(dim,)`."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = NO_USAGE
    model: str = ""
