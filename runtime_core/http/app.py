"""ASGI application: routes, and the conversion of errors into problem documents."""

from __future__ import annotations

import logging
import time
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from runtime_core.http.agents import list_agents
from runtime_core.http.callers import require_authentication
from runtime_core.http.deletions import delete_message
from runtime_core.http.exchange import Exchange
from runtime_core.http.failures import report_problem
from runtime_core.http.health import health, readiness
from runtime_core.http.messages import create_message
from runtime_core.http.plugins import METHODS, serve_plugin
from runtime_core.http.responses import COMMON_HEADERS, json_response, problem_response
from runtime_core.http.rooms import room_messages
from runtime_core.http.runs import read_run
from runtime_core.http.search import search_memories
from runtime_core.http.source import DeploymentSource

log = logging.getLogger(__name__)


class Application:
    """HTTP API of a deployment's agents."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # makes the router raise for 404 and 405 instead of responding
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self.router(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.perf_counter()
        exchange = Exchange(scope, send)
        scope["state"] = {**scope.get("state", {}), "request_id": exchange.request_id}
        try:
            await self.router(scope, receive, exchange.send)
        except ClientDisconnect:
            log.info("client disconnected before its request was read")
        except Exception as error:
            if exchange.has_started:
                raise
            await _error_response(error, scope, exchange)(scope, receive, exchange.send)
        fields = {"method": scope["method"], "path": scope["path"], "status": exchange.status}
        duration_ms = round((time.perf_counter() - began_s) * 1000, 1)
        log.info("request handled", extra={**fields, "request_id": exchange.request_id, "duration_ms": duration_ms})


def _error_response(error: Exception, scope: Scope, exchange: Exchange) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = sorted({"OPTIONS", *(error.headers or {}).get("Allow", "").split(", ")})
        error = HTTPException(405, headers={"Allow": ", ".join(allowed)})
        if scope["method"] == "OPTIONS":
            return Response(None, 204, {**COMMON_HEADERS, **(error.headers or {})})
    return problem_response(report_problem(error, request_id=exchange.request_id), request_id=exchange.request_id)


async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    from runtime_core.http.openapi import document  # noqa: PLC0415 - generating the schemas is slow at a cold start

    return json_response(document())


def create_app(source: DeploymentSource) -> Application:
    """Create the application.

    Args:
        source: Returns the open deployment; first called by a request that needs it.
    """
    routes = [
        Route("/v1/messages", require_authentication(source, create_message), methods=["POST"]),
        Route("/v1/runs/{run_id}", require_authentication(source, read_run)),
        Route("/v1/rooms/{room_id}/messages", require_authentication(source, room_messages), methods=["GET", "DELETE"]),
        Route("/v1/messages/{message_id}", require_authentication(source, delete_message), methods=["DELETE"]),
        Route("/v1/memories/search", require_authentication(source, search_memories)),
        Route("/v1/agents", require_authentication(source, list_agents)),
        Route("/plugins/{path:path}", partial(serve_plugin, source), methods=[*METHODS]),
        Route("/health", health),
        Route("/health/ready", partial(readiness, source)),
        Route("/openapi.json", openapi),
    ]
    return Application(Router(routes, redirect_slashes=False))
