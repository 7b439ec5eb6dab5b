"""Bodies of chat completion and embedding requests.

Equal requests give equal bytes; stable fields come first, the conversation last.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from runtime_core.domain.chat import ChatMessage, ChatRole, TextRequest, ToolSpec
from runtime_core.errors import InvalidInput

log = logging.getLogger(__name__)

# These models reject `max_tokens` and non-default sampling parameters:
# https://platform.openai.com/docs/guides/reasoning
_REASONING = re.compile(r"^(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d))(?!.*chat)")
_SAMPLING = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
# `max_tokens` is deprecated at OpenAI; other servers support it, and many of them nothing else.
_OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com")
_OWN_FIELDS = frozenset({"messages", "model", "tools", "stream"})
_NOT_IN_NAMES = re.compile(r"[\s<|\\/>]+")
_NAME_LENGTH = 64


def chat_body(request: TextRequest, *, model: str, base_url: str, stream: bool) -> dict[str, Any]:
    """Build the body of `POST /chat/completions`.

    Raises:
        InvalidInput: `options` repeats a field of `TextRequest`.
    """
    if taken := _OWN_FIELDS & request.options.keys():
        raise InvalidInput("has its own field in the request: set that instead", path=f"options.{min(taken)}")
    is_reasoning = bool(_REASONING.match(model.rpartition("/")[2]))
    body: dict[str, Any] = {"model": model}
    if request.tools:
        body["tools"] = [_tool(each) for each in request.tools]
        body["tool_choice"] = "auto"
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        wants_new_name = is_reasoning or _is_openai(base_url)
        body["max_completion_tokens" if wants_new_name else "max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    body.update(sorted(request.options.items()))
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if is_reasoning and (dropped := _SAMPLING & body.keys()):
        log.debug(
            "a reasoning model rejects sampling parameters: dropped them",
            extra={"model": model, "dropped": sorted(dropped)},
        )
        body = {name: value for name, value in body.items() if name not in _SAMPLING}
    body["messages"] = [_message(each) for each in request.messages]
    return body


def embedding_body(texts: Sequence[str], *, model: str, dimension: int | None) -> dict[str, Any]:
    """Build the body of `POST /embeddings`.

    Vectors are requested as base64, a quarter of their size as text.
    """
    body: dict[str, Any] = {"model": model, "encoding_format": "base64"}
    if dimension is not None:
        body["dimensions"] = dimension
    body["input"] = list(texts)
    return body


def encode(body: Mapping[str, Any]) -> bytes:
    """Encode a body as JSON.

    Raises:
        InvalidInput: JSON cannot represent a value of the body.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"cannot be written as JSON: {error}", path="params") from error
    return text.encode("utf-8", "replace")  # replaces half a surrogate pair


def private_texts(request: TextRequest) -> list[str]:
    """Collect the texts of a request, which no error may repeat."""
    texts = [each.text for each in request.messages]
    return texts + [call.arguments for each in request.messages for call in each.tool_calls]


def _is_openai(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host.endswith(_OPENAI_HOSTS)


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return {"type": "function", "function": function}


def _message(message: ChatMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"role": str(message.role), "content": message.text}
    if message.role == ChatRole.TOOL:
        body["tool_call_id"] = message.tool_call_id or ""
    elif name := _name(message.name):
        body["name"] = name
    if message.tool_calls:
        body["content"] = message.text or None
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return body


def _name(name: str | None) -> str:
    """Replace the characters of a name that the API rejects."""
    return _NOT_IN_NAMES.sub("_", (name or "").strip())[:_NAME_LENGTH]
