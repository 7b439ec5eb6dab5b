"""Deadline of an invocation, which limits every wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from runtime_core.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """Point in time on a monotonic clock, in seconds."""

    at_s: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        return cls(clock() + seconds, clock)

    def remaining_s(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self.at_s - self.clock())


_current: ContextVar[Deadline | None] = ContextVar("mayfly_deadline", default=None)


def current_deadline() -> Deadline | None:
    """Return the deadline of the current event; None if unset."""
    return _current.get()


def bounded_s(limit_s: float) -> float:
    """Return the smaller of `limit_s` and the seconds left.

    Raises:
        DeadlineExceeded: No time is left.
    """
    deadline = _current.get()
    if deadline is None:
        return limit_s
    remaining_s = deadline.remaining_s()
    if remaining_s <= 0:
        raise DeadlineExceeded("the time of this invocation is used up")
    return min(limit_s, remaining_s)


@contextmanager
def deadline(limit: Deadline) -> Iterator[Deadline]:
    """Set the deadline of the block.

    An earlier outer deadline stays in force.
    """
    outer = _current.get()
    inner = outer if outer is not None and outer.at_s <= limit.at_s else limit
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


@contextmanager
def restored(outer: Deadline | None) -> Iterator[None]:
    """Use the outer deadline again, for work that outlives the inner one."""
    token = _current.set(outer)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def grace(seconds: float) -> Iterator[None]:
    """Replace the deadline by reserved seconds.

    They are for cleanup after the time is up.
    """
    token = _current.set(Deadline.after(seconds))
    try:
        yield
    finally:
        _current.reset(token)


@asynccontextmanager
async def within(limit_s: float, what: str) -> AsyncIterator[None]:
    """Limit the block to `limit_s` and the deadline.

    Raises:
        DeadlineExceeded: The block took longer; the text names `what`.
    """
    seconds = bounded_s(limit_s)
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise DeadlineExceeded(f"{what} took longer than {seconds:.1f} s") from error
