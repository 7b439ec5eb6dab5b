"""A plugin's routes: endpoints under `/plugins/<plugin>/…`, answered with or without HTTP."""

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
    """Answer a request with the plugin's handler `(request, runtime)`; what the handler raises is the caller's.

    Raises:
        RouteNotFound: No plugin of the agent has a route there.
        RouteMethodNotAllowed: It has, for other methods; names them.
        RouteNotPublic: The route is for trusted callers.
    """
    asked = coerce(RouteRequest, request, name="request")
    plugin, parts = _address(asked.path)
    there = [
        (route, params)
        for owner, route in runtime.routes
        if owner == plugin and (params := _matched(route, parts)) is not None
    ]
    if not there:
        raise RouteNotFound(f"no plugin of {runtime.character.name!r} answers {asked.path}")
    for route, params in there:
        if route.type.upper() == asked.method.upper():
            return await _answered(runtime, route, asked, params)
    allowed = sorted({route.type.upper() for route, _ in there})
    raise RouteMethodNotAllowed(f"{asked.path} takes {', '.join(allowed)}, not {asked.method}", allowed=allowed)


async def _answered(runtime: Context, route: Route, asked: RouteRequest, params: Mapping[str, str]) -> RouteResponse:
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


def _address(path: str) -> tuple[str, Sequence[str]]:
    """The plugin's name, and the parts of the path behind it."""
    plugin, _, rest = path.removeprefix(PREFIX).partition("/")
    if not path.startswith(PREFIX) or not plugin:
        raise InvalidInput(f"expected a path under {PREFIX}<plugin>/", path="request.path")
    return plugin, _parts(rest)


def _parts(path: str) -> Sequence[str]:
    return [each for each in path.split("/") if each]


def _matched(route: Route, parts: Sequence[str]) -> Mapping[str, str] | None:
    """What the parts give the names in the route's path; None when they do not fit it."""
    wanted = _parts(route.path)
    if len(wanted) != len(parts):
        return None
    params: dict[str, str] = {}
    for pattern, part in zip(wanted, parts, strict=True):
        name = _name(pattern)
        if name is not None:
            params[name] = part
        elif pattern != part:
            return None
    return params


def _name(pattern: str) -> str | None:
    if pattern.startswith(":"):
        return pattern[1:]
    return pattern[1:-1] if pattern.startswith("{") and pattern.endswith("}") else None
