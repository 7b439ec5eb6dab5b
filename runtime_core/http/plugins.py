"""`/plugins/<plugin>/…`: routes of an agent's plugins."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.routes import RouteRequest, RouteResponse
from runtime_core.errors import MessageTooLarge, RouteNotPublic
from runtime_core.http.callers import authenticate, find_caller
from runtime_core.http.negotiation import JSON
from runtime_core.http.problems import MalformedRequest
from runtime_core.http.responses import COMMON_HEADERS, json_response
from runtime_core.http.source import DeploymentSource
from runtime_core.settings import Settings

AGENT = "x-agent"  # header with the agent's name or id; the query string belongs to the plugin
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def serve_plugin(source: DeploymentSource, request: Request) -> Response:
    """Run the plugin's handler of a route.

    The header `X-Agent` names the agent; the default is the deployment's first. Routes that are not
    public need a verified caller. Where `AUTH_MODE` verifies no callers, these routes are served in
    local development only.
    """
    deployment = await source()
    caller = find_caller(deployment, request)
    agent_id = deployment.agent_id(request.headers.get(AGENT))
    route_request = RouteRequest(
        method="GET" if request.method == "HEAD" else request.method,
        path=request.url.path,
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await _body(request, deployment.settings.message_limit_bytes),
        trusted=caller is not None or _is_own_machine(deployment.settings),
        entity_id=caller.entity_id if caller else None,
    )
    runtime = await deployment.runtime(agent_id)
    try:
        return _build_response(await runtime.handle_route(route_request))
    except RouteNotPublic:
        authenticate(deployment, request)  # raises CallerUnverified where a verified caller would have been served
        raise
    finally:
        await runtime.stop()


def _is_own_machine(settings: Settings) -> bool:
    return settings.auth_mode == "none" and settings.environment == "development" and not settings.on_lambda


async def _body(request: Request, limit_bytes: int) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise MessageTooLarge(f"the body is over the limit of {limit_bytes:,} bytes")
    if not body or request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return bytes(body) or None
    try:
        return from_json(bytes(body), allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The body is not JSON: {error}.") from error


def _build_response(outcome: RouteResponse) -> Response:
    headers = {**COMMON_HEADERS, **outcome.headers}
    if outcome.body is None or isinstance(outcome.body, str | bytes):
        media_type = None if any(name.lower() == "content-type" for name in headers) else _media_type(outcome.body)
        return Response(outcome.body, outcome.status, headers, media_type)
    return json_response(outcome.body, status=outcome.status, headers=outcome.headers)


def _media_type(body: str | bytes | None) -> str | None:
    if body is None:
        return None
    return "text/plain" if isinstance(body, str) else "application/octet-stream"
