"""HTTP events of API Gateway, function URLs and load balancers.

Mangum converts events to ASGI and formats the responses. Its own request cycle is not used: it drives
the event loop itself, and suppresses the cancellation that a deadline relies on.
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
from runtime_core.http.failures import report_problem
from runtime_core.http.problems import MEDIA_TYPE, MalformedRequest
from runtime_core.http.responses import problem_response

if TYPE_CHECKING:
    from runtime_core.domain.caller import Caller

_KINDS: tuple[type[LambdaHandler], ...] = (ALB, HTTPGateway, APIGateway)
_TEXT_TYPES = ["text/", "application/json", MEDIA_TYPE]  # Lambda sends every other body in base64
_HOST = re.compile(r"[^:]+(:\d{1,5})?")
_PORT = re.compile(r"\d{1,5}")
_PROXY_ROUTE = "/{proxy+}"


class HttpEvent:
    """HTTP request in the form of an event.

    Raises:
        InvalidInput: The event is not an HTTP request.
    """

    def __init__(self, event: Mapping[str, Any], context: Any) -> None:
        readable = _drop_unreadable_headers(event)
        config = LambdaConfig(
            api_gateway_base_path=base_path(readable), text_mime_types=_TEXT_TYPES, exclude_headers=[]
        )
        for kind in _KINDS:
            if kind.infer(readable, context, config):
                self._handler = kind(readable, context, config)
                break
        else:
            raise InvalidInput("the event is not an HTTP request: send messages without HTTP to handlers.message")
        self._request_id = str(context.aws_request_id)
        self._prefix = callers_prefix(readable)
        self._event = readable

    async def send_to(self, app: ASGIApp) -> dict[str, Any]:
        """Send the request to an app.

        Returns:
            The response in the format of the event's source.
        """
        try:
            body = self._handler.body
        except ValueError:  # binascii's error for text that is not base64
            return self.error_response(
                MalformedRequest("The body is not valid base64: encode it, or set isBase64Encoded to false.")
            )
        cycle = _Cycle(body)
        scope = {**self._handler.scope, "state": {"prefix": self._prefix, "verified_caller": self._caller}}
        await app(scope, cycle.receive, cycle.send)
        return self._handler({"status": cycle.status, "headers": cycle.headers, "body": bytes(cycle.body)})

    def _caller(self) -> Caller | None:
        from runtime_core.aws.callers import read_caller  # noqa: PLC0415 - loaded only where callers are verified

        return read_caller(self._event)

    def error_response(self, error: Exception) -> dict[str, Any]:
        """Build the response for an error that the app could not answer."""
        problem = report_problem(error, request_id=self._request_id)
        response: Response = problem_response(problem, request_id=self._request_id)
        headers = [*response.raw_headers, (b"x-request-id", self._request_id.encode())]
        return self._handler(
            {
                "status": response.status_code,
                "headers": [[name, value] for name, value in headers],
                "body": bytes(response.body),
            }
        )


class _Cycle:
    """ASGI channels of one request, with both bodies in memory."""

    def __init__(self, body: bytes) -> None:
        self._request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._complete = asyncio.Event()
        self.status = 500  # if the app ends without a response
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
    """Find the stage or domain mapping that prefixes the event's path.

    A greedy route names the app's part of the path. Without one, only the default domain of an
    HTTP API has its stage in the path; on a custom domain the same text belongs to the app.

    Returns:
        The prefix, or `/` if there is none.
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
    """Find the path prefix in the caller's URL.

    It differs from `base_path` where a REST API omits its stage from the event's path.

    Returns:
        The prefix, or an empty string.
    """
    request = event.get("requestContext", {})
    path = str(request.get("http", {}).get("path") or event.get("path") or "")
    own = path.removeprefix(base_path(event)) if base_path(event) != "/" else path
    asked = str(request.get("path") or path)
    return asked.removesuffix(own) if own and asked.endswith(own) else ""


def _drop_unreadable_headers(event: Mapping[str, Any]) -> dict[str, Any]:
    """Drop Host and port headers that Mangum cannot parse.

    A load balancer passes any value.
    """
    cleaned = dict(event)
    for field in ("headers", "multiValueHeaders"):
        if isinstance(event.get(field), Mapping):
            cleaned[field] = {name: value for name, value in event[field].items() if _is_readable(name, value)}
    return cleaned


def _is_readable(name: str, value: object) -> bool:
    pattern = {"host": _HOST, "x-forwarded-port": _PORT}.get(name.lower())
    values = value if isinstance(value, list) else [value]
    return pattern is None or all(isinstance(each, str) and pattern.fullmatch(each) for each in values)
