"""Request and response of one HTTP exchange: id, status, and HEAD."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

_GIVEN_ID = re.compile(r"[A-Za-z0-9._:=-]{1,128}")


class Exchange:
    """Sender of one response.

    Adds the request's id to the headers, and removes the body of a response to HEAD.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = _request_id(scope)
        self.status: int | None = None
        self._head = scope["method"] == "HEAD"
        self._send = send

    @property
    def has_started(self) -> bool:
        return self.status is not None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body" and self._head:
            message = {**message, "body": b""}
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """Return the Lambda invocation's id.

    The fallbacks are the caller's `X-Request-Id` and a new UUID.
    """
    context: Any = scope.get("aws.context")
    if context is not None:
        return str(context.aws_request_id)
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else str(uuid4())
