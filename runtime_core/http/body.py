"""Request bodies in JSON, read under a size limit."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from runtime_core.errors import InvalidInput, MessageTooLarge
from runtime_core.http.negotiation import require_json
from runtime_core.http.problems import MalformedRequest

JSON_OVERHEAD = 8  # a text of n bytes takes up to 6n in JSON (`\u0041`), plus the other fields


async def read_json_object(request: Request, *, limit_bytes: int) -> dict[str, Any]:
    """Read the body as a JSON object.

    Reading stops as soon as the body exceeds the limit.

    Raises:
        UnsupportedMediaType: 415, the Content-Type is not JSON.
        MalformedRequest: 400, the body is empty, not UTF-8, or not JSON.
        MessageTooLarge: The body has more than `limit_bytes`.
        InvalidInput: The JSON value is not an object.
    """
    require_json(request)
    body = await _read(request, limit_bytes)
    if not body.strip():
        raise MalformedRequest("The body is empty: send a JSON object with the message.")
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(_syntax_error(body, error)) from error
    if not isinstance(value, dict):
        raise InvalidInput("expected a JSON object with the message")
    return value


async def _read(request: Request, limit_bytes: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
    return bytes(body)


def _too_large(limit_bytes: int) -> MessageTooLarge:
    return MessageTooLarge(f"the body is over the limit of {limit_bytes:,} bytes")


def _syntax_error(body: bytes, error: ValueError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        return f"The body is not UTF-8 (byte {undecodable.start})."
    return f"The body is not JSON: {error}."
