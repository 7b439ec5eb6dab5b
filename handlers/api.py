"""HTTP function, for API Gateway, function URLs and load balancers."""

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
def _app(source: Callable[[], Awaitable[Deployment]]) -> Application:
    return create_app(source)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request.

    Returns:
        The response in the format of the event's source; an error is a problem document (RFC 9457).

    Raises:
        InvalidInput: The event is not an HTTP request.
    """
    request = HttpEvent(event, context)
    try:
        return environment.serve(lambda: request.send_to(_app(environment.open_deployment)), context)
    except MayflyError as error:  # the deadline: the app answers every other error itself
        return request.error_response(error)
