"""Requests to a plugin's routes, and their responses, with or without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar
from uuid import UUID

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRequest:
    """A request to a plugin's route.

    Attributes:
        path: With the prefix and the plugin's name: `/plugins/weather/today`.
        params: What the route's path names (`:city` or `{city}`); filled in when the route is found.
        query: The query's parameters; of several of one name, the last.
        headers: Names in lower case.
        body: What was sent: parsed where it is JSON, else bytes; None when there is none.
        trusted: The caller may use routes that are not public.
        entity_id: The caller's entity, where somebody verified who it is.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    method: str = "GET"
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    trusted: bool = True
    entity_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteResponse:
    """Response of a route.

    `body` is text, bytes, or any other value as JSON.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
