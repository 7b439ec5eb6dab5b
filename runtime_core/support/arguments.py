"""Calls of handlers that take fewer arguments than offered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CoroutineType, FunctionType, MethodType
from typing import Any


def trim_arguments(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the leading `arguments` that `handler` has positional parameters for."""
    places = _count_places(handler)
    return arguments if places is None else arguments[:places]


async def call(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a callback with the leading arguments it takes.

    The callback may be a plain function.
    """
    if isinstance(handler, FunctionType) and not handler.__code__.co_flags & inspect.CO_VARARGS:
        arguments = arguments[: handler.__code__.co_argcount]  # as `_places`, without its calls: most handlers
    else:
        arguments = trim_arguments(handler, arguments)
    given = handler(*arguments)
    return await given if isinstance(given, CoroutineType) or inspect.isawaitable(given) else given


def _count_places(handler: Callable[..., Any]) -> int | None:
    """Count a handler's positional parameters.

    Functions and methods are read from their code objects: several handlers run in every turn, and
    `inspect.signature` takes a hundred times as long.

    Returns:
        None if the handler takes any number.
    """
    if isinstance(handler, FunctionType):
        return None if handler.__code__.co_flags & inspect.CO_VARARGS else handler.__code__.co_argcount
    if isinstance(handler, MethodType) and isinstance(handler.__func__, FunctionType):
        places = _count_places(handler.__func__)
        return None if places is None else places - 1
    parameters = inspect.signature(handler).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)
