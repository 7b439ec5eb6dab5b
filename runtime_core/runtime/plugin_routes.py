"""Routes of plugins under `/plugins/<plugin>/…`, with or without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runtime_core.domain.routes import RouteRequest, RouteResponse
from runtime_core.domain.values import coerce
from runtime_core.errors import InvalidInput, RouteMethodNotAllowed, RouteNotFound, RouteNotPublic
from runtime_core.plugin_api import Route
from runtime_core.support.arguments import call

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

PREFIX = "/plugins/"


async def handle_route(runtime: Context, request: RouteRequest | Mapping[str, Any]) -> RouteResponse:
    """Answer a request with the handler of a plugin's route.

    The handler is called with `(request, runtime)`; its errors propagate.

    Raises:
        RouteNotFound: No plugin of the agent has a route at this path.
        RouteMethodNotAllowed: The route exists for other methods; names them.
        RouteNotPublic: The route is for trusted callers only.
    """
    asked = coerce(RouteRequest, request, name="request")
    plugin, parts = _split_path(asked.path)
    there = [
        (route, params)
        for owner, route in runtime.routes
        if owner == plugin and (params := _match(route, parts)) is not None
    ]
    if not there:
        raise RouteNotFound(f"no plugin of {runtime.character.name!r} answers {asked.path}")
    for route, params in there:
        if route.type.upper() == asked.method.upper():
            return await _answer(runtime, route, asked, params)
    allowed = sorted({route.type.upper() for route, _ in there})
    raise RouteMethodNotAllowed(f"{asked.path} accepts {', '.join(allowed)}, not {asked.method}", allowed=allowed)


async def _answer(runtime: Context, route: Route, asked: RouteRequest, params: Mapping[str, str]) -> RouteResponse:
    if not route.public and not asked.trusted:
        raise RouteNotPublic(f"{asked.path} is not public")
    request = RouteRequest(
        method=asked.method.upper(),
        path=asked.path,
        params=params,
        query=asked.query,
        headers=asked.headers,
        body=asked.body,
        trusted=asked.trusted,
        entity_id=asked.entity_id,
    )
    given = await call(route.handler, (request, runtime))
    if isinstance(given, RouteResponse):
        return given
    return RouteResponse(status=204) if given is None else RouteResponse(body=given)


def _split_path(path: str) -> tuple[str, Sequence[str]]:
    """Split a path into the plugin's name and the remaining parts."""
    plugin, _, rest = path.removeprefix(PREFIX).partition("/")
    if not path.startswith(PREFIX) or not plugin:
        raise InvalidInput(f"expected a path under {PREFIX}<plugin>/", path="request.path")
    return plugin, _parts(rest)


def _parts(path: str) -> Sequence[str]:
    return [each for each in path.split("/") if each]


def _match(route: Route, parts: Sequence[str]) -> Mapping[str, str] | None:
    """Match a path's parts against a route.

    Returns:
        The values of the route's parameters by name; None if the parts do not fit.
    """
    wanted = _parts(route.path)
    if len(wanted) != len(parts):
        return None
    params: dict[str, str] = {}
    for pattern, part in zip(wanted, parts, strict=True):
        name = _parameter_name(pattern)
        if name is not None:
            params[name] = part
        elif pattern != part:
            return None
    return params


def _parameter_name(pattern: str) -> str | None:
    if pattern.startswith(":"):
        return pattern[1:]
    return pattern[1:-1] if pattern.startswith("{") and pattern.endswith("}") else None
