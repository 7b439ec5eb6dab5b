"""HTTP: events of API Gateway (REST and HTTP APIs), function URLs and load balancers through one ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.aws.http_events import HttpEvent
from runtime_core.deployment.deployment import Deployment
from runtime_core.errors import MayflyError
from runtime_core.http import Application, create_app


@lru_cache(maxsize=1)
def _app(opened: Callable[[], Awaitable[Deployment]]) -> Application:
    """The ASGI app over the environment's deployment; made once, and opening it only for requests that need it."""
    return create_app(opened)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request, in the form its event's source reads; errors are problem documents.

    Raises:
        InvalidInput: The event is no HTTP request.
    """
    request = HttpEvent(event, context)
    try:
        return environment.serve(lambda: request.answered_by(_app(environment.opened)), context)
    except MayflyError as error:  # the invocation's time is used up
        return request.failed(error)
