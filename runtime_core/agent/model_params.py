"""Params of a model call, parsed into requests for provider plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from runtime_core.domain.chat import (
    ChatMessage,
    ChatRole,
    EmbeddingResponse,
    OnDelta,
    TextRequest,
    TextResponse,
    ToolSpec,
)
from runtime_core.domain.values import coerce
from runtime_core.errors import InvalidInput
from runtime_core.ports import EmbeddingModel, TextModel

Vector: TypeAlias = tuple[float, ...]

_REQUEST_KEYS = frozenset(
    {
        "messages",
        "prompt",
        "system",
        "tools",
        "model",
        "temperature",
        "max_tokens",
        "stop",
        "stop_sequences",
        "on_delta",
    }
)


async def write_text(model: TextModel, params: Mapping[str, Any] | str) -> TextResponse | str:
    """Answer the params of a text type.

    Returns:
        The whole response for params with `messages`; its text for params with only a `prompt`.

    Raises:
        InvalidInput: See `text_request`.
        ModelError: See `TextModel.complete`.
    """
    given = _as_mapping(params, "prompt")
    response = await model.complete(text_request(given), on_delta=delta_listener(given))
    return response if given.get("messages") is not None else response.text


async def embed_texts(model: EmbeddingModel, params: Mapping[str, Any] | str) -> Vector | EmbeddingResponse:
    """Answer the params of an embedding type.

    Returns:
        The vector of a text or `{"text": …}`; the whole response for `{"texts": […]}`.

    Raises:
        InvalidInput: See `embedding_texts`.
        ModelError: See `EmbeddingModel.embed`.
    """
    texts = embedding_texts(params)
    response = await model.embed(texts)
    return response if isinstance(params, Mapping) and "texts" in params else response.vectors[0]


def text_request(params: Mapping[str, Any] | str) -> TextRequest:
    """Parse the params of a text type.

    `system` is prepended unless the messages begin with a system message; `prompt` is appended as a user
    message. A value of None counts as absent. Unknown keys become `options`.

    Raises:
        InvalidInput: `messages` and `prompt` are missing, or a value has the wrong type; names the value.
    """
    given = {name: value for name, value in _as_mapping(params, "prompt").items() if value is not None}
    return TextRequest(
        messages=_messages(given),
        tools=_sequence(given, "tools", ToolSpec),
        model=_one(given, "model", str),
        temperature=_one(given, "temperature", float),
        max_tokens=_one(given, "max_tokens", int),
        stop=_sequence(given, "stop" if "stop" in given else "stop_sequences", str),
        options={name: value for name, value in given.items() if name not in _REQUEST_KEYS},
    )


def delta_listener(params: Mapping[str, Any] | str) -> OnDelta | None:
    """Return the params' `on_delta`.

    Returns:
        None if the params have none.

    Raises:
        InvalidInput: It is not callable.
    """
    listener = _as_mapping(params, "prompt").get("on_delta")
    if listener is None:
        return None
    if not callable(listener):
        raise InvalidInput("expected an async function that takes one text", path="params.on_delta")
    checked: OnDelta = listener
    return checked


def embedding_texts(params: Mapping[str, Any] | str) -> tuple[str, ...]:
    """Parse the params of an embedding type.

    Args:
        params: A text, `{"text": …}` or `{"texts": […]}`.

    Raises:
        InvalidInput: No text is given, or one is blank.
    """
    given = _as_mapping(params, "text")
    if "texts" in given:
        texts = _sequence(given, "texts", str)
    elif "text" in given:
        texts = (coerce(str, given["text"], name="params.text"),)
    else:
        raise InvalidInput("expected a text or a list of texts", path="params")
    if not texts or not all(text.strip() for text in texts):
        raise InvalidInput("an empty text cannot be embedded", path="params")
    return texts


def _messages(given: Mapping[str, Any]) -> tuple[ChatMessage, ...]:
    messages = _sequence(given, "messages", ChatMessage)
    if system := _one(given, "system", str):
        has_own = bool(messages) and messages[0].role is ChatRole.SYSTEM
        messages = messages if has_own else (ChatMessage(role=ChatRole.SYSTEM, text=system), *messages)
    if (prompt := _one(given, "prompt", str)) is not None:
        messages = (*messages, ChatMessage(role=ChatRole.USER, text=prompt))
    if "messages" not in given and "prompt" not in given:
        raise InvalidInput("expected `messages` or a `prompt`", path="params")
    if not messages:
        raise InvalidInput("expected at least one message", path="params.messages")
    return messages


def _as_mapping(params: Mapping[str, Any] | str, key: str) -> Mapping[str, Any]:
    if isinstance(params, str):
        return {key: params}
    if not isinstance(params, Mapping):
        raise InvalidInput(f"expected a mapping or a text, got a {type(params).__name__}", path="params")
    return params


def _one(given: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    return coerce(kind, given[name], name=f"params.{name}") if name in given else None


def _sequence(given: Mapping[str, Any], name: str, kind: type[Any]) -> tuple[Any, ...]:
    values = given.get(name, ())
    if isinstance(values, str) and kind is str:
        return (values,)
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InvalidInput(f"expected a list, got a {type(values).__name__}", path=f"params.{name}")
    return tuple(coerce(kind, value, name=f"params.{name}[{index}]") for index, value in enumerate(values))
