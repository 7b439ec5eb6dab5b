"""HTTP events of API Gateway, function URLs and load balancers, to ASGI and back; Mangum reads and writes them.

Mangum's own cycle is not used: it drives the event loop itself, and swallows the cancellation
that a deadline is made of.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mangum.handlers import ALB, APIGateway, HTTPGateway
from mangum.types import LambdaConfig, LambdaHandler
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from runtime_core.errors import InvalidInput
from runtime_core.http.answers import problem_answer
from runtime_core.http.failures import reported
from runtime_core.http.problems import MEDIA_TYPE, MalformedRequest

if TYPE_CHECKING:
    from runtime_core.domain.caller import Caller

_KINDS: tuple[type[LambdaHandler], ...] = (ALB, HTTPGateway, APIGateway)
_TEXT_TYPES = ["text/", "application/json", MEDIA_TYPE]  # every other body goes out in base64
_HOST = re.compile(r"[^:]+(:\d{1,5})?")
_PORT = re.compile(r"\d{1,5}")
_PROXY_ROUTE = "/{proxy+}"


class HttpEvent:
    """One HTTP request that came as an event.

    Raises:
        InvalidInput: The event is no HTTP request.
    """

    def __init__(self, event: Mapping[str, Any], context: Any) -> None:
        readable = _readable(event)
        config = LambdaConfig(
            api_gateway_base_path=base_path(readable), text_mime_types=_TEXT_TYPES, exclude_headers=[]
        )
        for kind in _KINDS:
            if kind.infer(readable, context, config):
                self._handler = kind(readable, context, config)
                break
        else:
            raise InvalidInput("the event is no HTTP request; handlers.message takes messages without HTTP")
        self._request_id = str(context.aws_request_id)
        self._prefix = callers_prefix(readable)
        self._event = readable

    async def answered_by(self, app: ASGIApp) -> dict[str, Any]:
        """Have the app answer the request; returns the answer in the form that the event's source reads."""
        try:
            body = self._handler.body
        except ValueError:  # binascii's error for text that is not base64
            return self.failed(MalformedRequest("The body is not base64, though the event says so."))
        cycle = _Cycle(body)
        scope = {**self._handler.scope, "state": {"prefix": self._prefix, "verified_caller": self._caller}}
        await app(scope, cycle.receive, cycle.send)
        return self._handler({"status": cycle.status, "headers": cycle.headers, "body": bytes(cycle.body)})

    def _caller(self) -> Caller | None:
        from runtime_core.aws.callers import verified_caller  # noqa: PLC0415 - loaded only where it matters

        return verified_caller(self._event)

    def failed(self, error: Exception) -> dict[str, Any]:
        """Answer with the problem that an error is, where the app had no chance to."""
        answer: Response = problem_answer(reported(error, request_id=self._request_id), request_id=self._request_id)
        headers = [*answer.raw_headers, (b"x-request-id", self._request_id.encode())]
        return self._handler(
            {
                "status": answer.status_code,
                "headers": [[name, value] for name, value in headers],
                "body": bytes(answer.body),
            }
        )


class _Cycle:
    """The two ends of one ASGI request: the whole body in, the whole answer out."""

    def __init__(self, body: bytes) -> None:
        self._request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._complete = asyncio.Event()
        self.status = 500  # of an app that ends without an answer
        self.headers: list[list[bytes]] = []
        self.body = bytearray()

    async def receive(self) -> Message:
        if self._request:
            return self._request.pop()
        await self._complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [[name, value] for name, value in message.get("headers", ())]
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self._complete.set()


def base_path(event: Mapping[str, Any]) -> str:
    """What stands before our own paths in the event's path: a stage, or a custom domain's mapping.

    A greedy route says itself which part is ours. Without one, only the address that API Gateway
    gives an HTTP API has its stage in the path; a custom domain's path must not lose one.
    """
    request = event.get("requestContext", {})
    path = str(request.get("http", {}).get("path") or event.get("path") or "")
    route = str(event.get("resource") or str(event.get("routeKey", "")).partition(" ")[2])
    proxy = (event.get("pathParameters") or {}).get("proxy")
    if route == _PROXY_ROUTE and proxy and path.endswith(f"/{proxy}"):
        return path.removesuffix(f"/{proxy}") or "/"
    stage = f"/{request.get('stage')}"
    own_address = str(request.get("domainName", "")).startswith(f"{request.get('apiId')}.")
    if "http" in request and own_address and f"{path}/".startswith(f"{stage}/"):
        return stage
    return "/"


def callers_prefix(event: Mapping[str, Any]) -> str:
    """What stands before our own paths in the caller's URL; empty when nothing does. A REST API hides its stage."""
    request = event.get("requestContext", {})
    path = str(request.get("http", {}).get("path") or event.get("path") or "")
    own = path.removeprefix(base_path(event)) if base_path(event) != "/" else path
    asked = str(request.get("path") or path)
    return asked.removesuffix(own) if own and asked.endswith(own) else ""


def _readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """Drop a Host or port header that Mangum would fail on; anybody can send one to a load balancer."""
    cleaned = dict(event)
    for field in ("headers", "multiValueHeaders"):
        if isinstance(event.get(field), Mapping):
            cleaned[field] = {name: value for name, value in event[field].items() if _is_readable(name, value)}
    return cleaned


def _is_readable(name: str, value: object) -> bool:
    pattern = {"host": _HOST, "x-forwarded-port": _PORT}.get(name.lower())
    values = value if isinstance(value, list) else [value]
    return pattern is None or all(isinstance(each, str) and pattern.fullmatch(each) for each in values)
