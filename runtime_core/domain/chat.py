"""Requests to models and their responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, TypeAlias

from runtime_core.domain.frozen import dataclass

OnDelta: TypeAlias = Callable[[str], Awaitable[None]]
"""Callback for each piece of streamed text."""


class ModelType(StrEnum):
    """Kinds of model calls; plugins register a handler for each."""

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
    """The author of a chat message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call by the model; `arguments` is its JSON text, unparsed."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of the conversation.

    Attributes:
        name: The speaker, if several users share the room.
        tool_calls: The calls of an assistant message.
        tool_call_id: The call that a tool message answers.
    """

    role: ChatRole
    text: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool offered to the model.

    Attributes:
        parameters: A JSON schema of type object.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """A request to a text model.

    Attributes:
        messages: Oldest first; the first may be a system message.
        model: The provider's model name; None selects the provider's model for the model type.
        options: Other parameters of the provider's API, passed through (`seed`, `response_format`).
    """

    messages: Sequence[ChatMessage]
    tools: Sequence[ToolSpec] = ()
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of model calls; `input_tokens` include `cached_input_tokens`."""

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
    """A text model's response: text, tool calls, or both."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = NO_USAGE
    finish_reason: str = "stop"
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingResponse:
    """Embeddings, one vector of shape `(dim,)` for each text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = NO_USAGE
    model: str = ""
