"""One request and its answer, watched at the border: its id, whether it started, what goes out for HEAD."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

_GIVEN_ID = re.compile(r"[A-Za-z0-9._:=-]{1,128}")


class Exchange:
    """Passes an answer on, marked with the request's id; an answer to HEAD loses its body."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = _request_id(scope)
        self.status: int | None = None
        self._head = scope["method"] == "HEAD"
        self._send = send

    @property
    def started(self) -> bool:
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
    """The invocation's id on Lambda, else the caller's, else a new one."""
    context: Any = scope.get("aws.context")
    if context is not None:
        return str(context.aws_request_id)
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else str(uuid4())
