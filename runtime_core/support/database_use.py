"""Counters of a turn's database use: adapters report, the turn listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[int, float], None]
"""Called with round trips and milliseconds."""

_listener: ContextVar[Listener | None] = ContextVar("mayfly_database_use", default=None)


def note_database_use(*, round_trips: int = 0, took_ms: float = 0.0) -> None:
    """Report a use of the database to the current turn.

    Outside of a turn the call does nothing.
    """
    listener = _listener.get()
    if listener is not None:
        listener(round_trips, took_ms)


@contextmanager
def watch_database_use(listener: Listener) -> Iterator[None]:
    """Call `listener` for each use of the database inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
