"""Shared resources of runtimes: opened on first use, closed with their stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, TypeVar

from runtime_core.ports import EmbeddingIntake

T = TypeVar("T")


class Closable(Protocol):
    """Resource that can be closed."""

    async def close(self) -> None:
        """Close the resource."""


C = TypeVar("C", bound=Closable)


@asynccontextmanager
async def closing(resource: C) -> AsyncIterator[C]:
    """Yield a resource, and close it afterwards."""
    try:
        yield resource
    finally:
        await resource.close()


class Shared:
    """Clients and pools of a deployment or of a single runtime, by their openers.

    Attributes:
        embedding_worker: Embeds queued memories in this process; None if the process ends or freezes with its event.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._opened: dict[Callable[[], Any], Any] = {}
        self._opening = asyncio.Lock()
        self.embedding_worker: EmbeddingIntake | None = None

    async def get(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return the resource of an opener, which is opened once."""
        if opens not in self._opened:
            async with self._opening:
                if opens not in self._opened:
                    self._stack.callback(
                        self._opened.pop, opens, None
                    )  # closed with the stack: the next use opens it again
                    self._opened[opens] = await self._stack.enter_async_context(opens())
        value: T = self._opened[opens]
        return value
