"""Server-sent events: chunks of text during generation, then the result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime_core.domain.memory import Content
from runtime_core.domain.message_request import MessageRequest
from runtime_core.domain.values import encode_json
from runtime_core.http.documents import content_document
from runtime_core.http.failures import report_problem
from runtime_core.http.negotiation import EVENT_STREAM
from runtime_core.http.responses import COMMON_HEADERS

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

log = logging.getLogger(__name__)


class EventStream(Response):
    """Response that runs the turn and streams its events.

    Events are `chunk` (text), `message` (content), then `done` (result) or `error` (problem).
    The first event starts the response, so an error before it is sent as a problem document.
    A replay is marked in the result, because the headers are sent before it is known.
    If the client disconnects, the turn continues and its answer is stored.
    """

    def __init__(self, deployment: Deployment, message: MessageRequest, *, request_id: str) -> None:
        super().__init__(None, 200, {**COMMON_HEADERS, "X-Accel-Buffering": "no"}, f"{EVENT_STREAM}; charset=utf-8")
        del self.headers["content-length"]
        self._deployment = deployment
        self._message = message
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = _Writer(self, send)

        async def on_delta(text: str) -> None:
            await writer.event("chunk", {"text": text})

        async def on_content(content: Content) -> None:
            await writer.event("message", content_document(content))

        try:
            result = await self._deployment.answer(self._message, on_delta=on_delta, on_content=on_content)
        except Exception as error:
            if not writer.has_started:
                raise
            problem = report_problem(error, request_id=self._request_id)
            await writer.event("error", problem.document(self._request_id))
        else:
            await writer.event("done", result.as_json())
        await writer.end()


class _Writer:
    """Writer of events; drops them after the client has disconnected."""

    def __init__(self, response: Response, send: Send) -> None:
        self._response = response
        self._send_message = send
        self.has_started = False
        self._is_disconnected = False

    async def event(self, name: str, data: object) -> None:
        if not self.has_started:
            self.has_started = True
            await self._send(
                {
                    "type": "http.response.start",
                    "status": self._response.status_code,
                    "headers": self._response.raw_headers,
                }
            )
        await self._body(f"event: {name}\ndata: {encode_json(data)}\n\n".encode(), more=True)

    async def end(self) -> None:
        await self._body(b"", more=False)

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._is_disconnected:
            return
        try:
            await self._send_message(message)
        except OSError:  # raised by ASGI servers after the client has disconnected
            self._is_disconnected = True
            log.info("client disconnected, the turn continues")
