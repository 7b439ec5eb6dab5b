"""Parser of chat completions, whole or streamed, and of embeddings."""

from __future__ import annotations

import binascii
import json
import math
import sys
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime_core.adapters.openai.call import Asked
from runtime_core.adapters.openai.errors import answered_error
from runtime_core.domain.chat import NO_USAGE, EmbeddingResponse, TextResponse, ToolCall, Usage
from runtime_core.errors import ModelAnswerMalformed, ModelAnswerTruncated, ModelRefused, ModelUnavailable

_REFUSAL_LIMIT = 500  # characters of the refusal in an error text


def read_json(body: bytes, *, content_type: str, asked: Asked) -> Any:
    """Decode a response body.

    Raises:
        ModelAnswerMalformed: The body is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        kind = content_type.partition(";")[0].strip() or "of no type"
        hint = "" if "json" in kind else f"; it is {kind}: check that OPENAI_BASE_URL is the URL of the API"
        raise ModelAnswerMalformed(f"the answer of {asked.base_url} is not JSON{hint}") from error


def read_completion(body: Any, asked: Asked) -> TextResponse:
    """Parse a chat completion.

    Raises:
        ModelAnswerMalformed: The completion has another shape, or neither text nor tool calls.
        ModelRefused: The model refused, or the provider's filter stopped it.
        ModelAnswerTruncated: The answer reached the token limit.
        ModelError: The body is an error object.
    """
    answer = _mapping(body, "the answer")
    if answer.get("error"):
        raise answered_error(answer, asked)
    choices = answer.get("choices")
    if not isinstance(choices, Sequence) or not choices:
        raise _malformed("it has no choices")
    choice = _mapping(choices[0], "its choice")
    message = _mapping(choice.get("message"), "its message")
    calls = message.get("tool_calls") or ()
    if not isinstance(calls, Sequence):
        raise _malformed("its tool calls are not a list")
    return _check_answer(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        tool_calls=tuple(_tool_call(each, index) for index, each in enumerate(calls)),
        finish_reason=_text(choice.get("finish_reason")),
        usage=read_usage(answer.get("usage")),
        model=_text(answer.get("model")) or asked.model,
    )


def read_usage(usage: Any) -> Usage:
    """Read the token usage of an answer; missing counts are zero."""
    if not isinstance(usage, Mapping):
        return NO_USAGE
    details = usage.get("prompt_tokens_details")
    return Usage(
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cached_input_tokens=_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0,
    )


@dataclass(slots=True)
class _CallParts:
    """Incomplete tool call of a stream."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class StreamedAnswer:
    """Builder of a chat completion from its stream of events."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls: list[_CallParts] = []
        self._call_at: dict[int, _CallParts] = {}
        self._finish_reason = ""
        self._usage = NO_USAGE
        self._model = asked.model

    def add(self, event: Any) -> str:
        """Add the next event; returns its text, which may be empty.

        Raises:
            ModelAnswerMalformed: The event is not a chunk.
            ModelError: The event is an error object.
        """
        chunk = _mapping(event, "an event of the stream")
        if chunk.get("error"):
            raise answered_error(chunk, self._asked)
        self._model = _text(chunk.get("model")) or self._model
        if chunk.get("usage"):
            self._usage = read_usage(chunk["usage"])
        choices = chunk.get("choices")
        if not choices:
            return ""
        if not isinstance(choices, Sequence):
            raise _malformed("its choices are not a list")
        return self._add_choice(_mapping(choices[0], "its choice"))

    def finish(self) -> TextResponse:
        """Build the complete answer after the end of the stream.

        Raises:
            ModelUnavailable: The stream ended before the answer did.
            ModelError: As `read_completion`.
        """
        if not self._finish_reason:
            raise ModelUnavailable(f"{self._asked.base_url} ended the stream before the answer was complete")
        return _check_answer(
            text="".join(self._texts),
            refusal="".join(self._refusals),
            tool_calls=tuple(
                ToolCall(id=each.id or f"call_{index}", name=each.name, arguments="".join(each.arguments) or "{}")
                for index, each in enumerate(self._calls)
            ),
            finish_reason=self._finish_reason,
            usage=self._usage,
            model=self._model,
        )

    def _add_choice(self, choice: Mapping[str, Any]) -> str:
        self._finish_reason = _text(choice.get("finish_reason")) or self._finish_reason
        delta = choice.get("delta")
        if delta is None:
            return ""
        delta = _mapping(delta, "a delta")
        self._refusals.append(_text(delta.get("refusal")))
        for part in delta.get("tool_calls") or ():
            self._add_call(_mapping(part, "a tool call"))
        text = _text(delta.get("content"))
        self._texts.append(text)
        return text

    def _add_call(self, part: Mapping[str, Any]) -> None:
        function = _mapping(part.get("function") or {}, "a tool call's function")
        call = self._call_for(part.get("index"), _text(part.get("id")))
        call.id = call.id or _text(part.get("id"))
        call.name = call.name or _text(function.get("name"))
        call.arguments.append(_arguments(function.get("arguments")))

    def _call_for(self, index: Any, call_id: str) -> _CallParts:
        """Find the tool call of a chunk by its index.

        Some servers send no index, or the same index for all calls.
        """
        known = self._call_at.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if known is None or (call_id and known.id and call_id != known.id):
            known = _CallParts()
            self._calls.append(known)
            if isinstance(index, int):
                self._call_at[index] = known
        return known


def read_embeddings(body: Any, asked: Asked, *, count: int, dimension: int | None) -> EmbeddingResponse:
    """Parse the vectors of an embedding response.

    Returns:
        The vectors, in the order of the texts.

    Raises:
        ModelAnswerMalformed: A vector is missing, or its dimension differs from the request or the other vectors.
        ModelError: The body is an error object.
    """
    answer = _mapping(body, "the answer")
    if answer.get("error"):
        raise answered_error(answer, asked)
    data = answer.get("data")
    if not isinstance(data, Sequence) or len(data) != count:
        raise _malformed(f"it does not hold {count} embeddings")
    vectors: dict[int, tuple[float, ...]] = {}
    for position, each in enumerate(data):
        item = _mapping(each, "an embedding")
        index = item.get("index", position)
        vectors[index if isinstance(index, int) else position] = _vector(item.get("embedding"))
    if sorted(vectors) != list(range(count)):
        raise _malformed("its indexes are not those of the texts")
    dimensions = {len(vector) for vector in vectors.values()}
    if len(dimensions) > 1 or (dimension is not None and dimensions != {dimension}):
        raise _malformed(
            f"its vectors have dimension {sorted(dimensions)}, but the request wants {dimension or 'one dimension'}"
        )
    return EmbeddingResponse(
        vectors=tuple(vectors[index] for index in range(count)),
        usage=read_usage(answer.get("usage")),
        model=_text(answer.get("model")) or asked.model,
    )


def _check_answer(
    *, text: str, refusal: str, tool_calls: tuple[ToolCall, ...], finish_reason: str, usage: Usage, model: str
) -> TextResponse:
    if refusal:
        raise ModelRefused(f"the model refused: {refusal[:_REFUSAL_LIMIT]}")
    if finish_reason == "content_filter":
        raise ModelRefused("the provider's content filter stopped the answer")
    if finish_reason == "length":
        raise ModelAnswerTruncated("the answer reached the token limit: raise max_tokens", partial=text)
    if not text.strip() and not tool_calls:
        raise ModelAnswerMalformed("the model's answer is empty: no text and no tool call")
    if any(not call.name for call in tool_calls):
        raise _malformed("a tool call has no name")
    return TextResponse(
        text=text,
        tool_calls=tool_calls,
        usage=usage,
        finish_reason=finish_reason or ("tool_calls" if tool_calls else "stop"),
        model=model,
    )


def _tool_call(value: Any, index: int) -> ToolCall:
    call = _mapping(value, "a tool call")
    function = _mapping(call.get("function"), "a tool call's function")
    return ToolCall(
        id=_text(call.get("id")) or f"call_{index}",
        name=_text(function.get("name")),
        arguments=_arguments(function.get("arguments")) or "{}",
    )


def _arguments(value: Any) -> str:
    """Read arguments as JSON text; some servers send the object itself."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else _text(value)


def _vector(value: Any) -> tuple[float, ...]:
    numbers = _decode_vector(value) if isinstance(value, str) else _parse_vector(value)
    if not numbers or not math.isfinite(sum(numbers)):
        raise _malformed("a vector is empty or not finite")
    return numbers


def _decode_vector(text: str) -> tuple[float, ...]:
    numbers = array("f")  # little-endian 32-bit floats
    try:
        numbers.frombytes(b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _malformed("a vector is not base64 of 32-bit floats") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)


def _parse_vector(value: Any) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or not all(isinstance(each, int | float) for each in value):
        raise _malformed("a vector is not a list of numbers")
    return tuple(float(each) for each in value)


def _text(value: Any) -> str:
    """Read a text or a list of text parts; None is empty.

    Raises:
        ModelAnswerMalformed: The value is neither.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        parts = [each.get("text", "") for each in value if isinstance(each, Mapping)]
        if all(isinstance(part, str) for part in parts):
            return "".join(parts)
    raise _malformed(f"it holds {type(value).__name__} where text belongs")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _malformed(f"{what} is not an object")
    return value


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _malformed(why: str) -> ModelAnswerMalformed:
    return ModelAnswerMalformed(f"the model's answer has the wrong shape: {why}")
