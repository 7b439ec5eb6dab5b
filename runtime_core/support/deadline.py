"""The time an invocation has left: every wait is bounded by it."""

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
    """A point in time on a monotonic clock, in seconds."""

    at_s: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        return cls(clock() + seconds, clock)

    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at_s - self.clock())


_current: ContextVar[Deadline | None] = ContextVar("mayfly_deadline", default=None)


def current_deadline() -> Deadline | None:
    """The deadline of the event being handled; None where nothing set one."""
    return _current.get()


def bounded_s(limit_s: float) -> float:
    """Seconds to wait at most: `limit_s`, or what is left when that is less.

    Raises:
        DeadlineExceeded: Nothing is left.
    """
    deadline = _current.get()
    if deadline is None:
        return limit_s
    remaining_s = deadline.remaining_s()
    if remaining_s <= 0:
        raise DeadlineExceeded("the time this invocation has left is used up")
    return min(limit_s, remaining_s)


@contextmanager
def deadline(limit: Deadline) -> Iterator[Deadline]:
    """Set the deadline for everything inside; an earlier one set outside stays in force."""
    outer = _current.get()
    inner = outer if outer is not None and outer.at_s <= limit.at_s else limit
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


@contextmanager
def restored(outer: Deadline | None) -> Iterator[None]:
    """Go by the deadline that stood outside, for what outlives the inner one."""
    token = _current.set(outer)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def grace(seconds: float) -> Iterator[None]:
    """Give what must still be done when the time is up a little of its own, kept back from the deadline for it."""
    token = _current.set(Deadline.after(seconds))
    try:
        yield
    finally:
        _current.reset(token)


@asynccontextmanager
async def within(limit_s: float, what: str) -> AsyncIterator[None]:
    """Bound what happens inside by `limit_s` and by the deadline.

    Raises:
        DeadlineExceeded: `what` took longer.
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
