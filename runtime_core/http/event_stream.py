"""An answer as server-sent events: pieces of text while the model writes, then the whole result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime_core.domain.memory import Content
from runtime_core.domain.message_request import MessageRequest
from runtime_core.domain.values import encode_json
from runtime_core.http.answers import COMMON_HEADERS
from runtime_core.http.documents import content_document
from runtime_core.http.failures import report_problem
from runtime_core.http.negotiation import EVENT_STREAM

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

log = logging.getLogger(__name__)


class EventStream(Response):
    """Runs the turn while it sends: `chunk` (text), `message` (content), then `done` (result) or `error` (problem).

    The first event starts the response, so that an error before it is an ordinary problem document.
    Whether the answer is a replay stands in the result: the headers are gone before it is known.
    A caller who hangs up misses the rest of the stream; the turn goes on, and its answer is stored.
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
            if not writer.started:
                raise
            problem = report_problem(error, request_id=self._request_id)
            await writer.event("error", problem.document(self._request_id))
        else:
            await writer.event("done", result.as_json())
        await writer.end()


class _Writer:
    """Sends events, and falls silent when the caller has hung up."""

    def __init__(self, response: Response, send: Send) -> None:
        self._response = response
        self._send_message = send
        self.started = False
        self._gone = False

    async def event(self, name: str, data: object) -> None:
        if not self.started:
            self.started = True
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
        if self._gone:
            return
        try:
            await self._send_message(message)
        except OSError:  # what ASGI servers raise once the caller has hung up
            self._gone = True
            log.info("the caller hung up; the turn goes on")
