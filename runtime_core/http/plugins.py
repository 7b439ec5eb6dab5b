"""`/plugins/<plugin>/…`: the routes of an agent's plugins."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.routes import RouteRequest, RouteResponse
from runtime_core.errors import MessageTooLarge, RouteNotPublic
from runtime_core.http.answers import COMMON_HEADERS, json_answer
from runtime_core.http.callers import caller_of, known_caller
from runtime_core.http.negotiation import JSON
from runtime_core.http.problems import MalformedRequest
from runtime_core.http.source import DeploymentSource
from runtime_core.settings import Settings

AGENT = "x-agent"  # names the agent whose plugin is meant: the query belongs to the plugin
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def serve_plugin(source: DeploymentSource, request: Request) -> Response:
    """Answer with the plugin's handler; the header `X-Agent` names the agent, the deployment's first without it.

    Routes that are not public are for verified callers; where callers are not verified (`AUTH_MODE`), they are served
    on a developer's machine alone.
    """
    deployment = await source()
    caller = known_caller(deployment, request)
    agent_id = deployment.agent_id(request.headers.get(AGENT))
    asked = RouteRequest(
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
        return _answer(await runtime.handle_route(asked))
    except RouteNotPublic:
        caller_of(deployment, request)  # says that nobody was verified, where that would have helped
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


def _answer(given: RouteResponse) -> Response:
    headers = {**COMMON_HEADERS, **given.headers}
    if given.body is None or isinstance(given.body, str | bytes):
        media_type = None if any(name.lower() == "content-type" for name in headers) else _media_type(given.body)
        return Response(given.body, given.status, headers, media_type)
    return json_answer(given.body, status=given.status, headers=given.headers)


def _media_type(body: str | bytes | None) -> str | None:
    if body is None:
        return None
    return "text/plain" if isinstance(body, str) else "application/octet-stream"
