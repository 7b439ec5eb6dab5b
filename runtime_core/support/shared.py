"""Resources shared by runtimes.

They are opened on first use and closed with their exit stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, TypeVar

from runtime_core.ports import EmbeddingIntake

T = TypeVar("T")


class Closable(Protocol):
    """Object that holds a resource open."""

    async def close(self) -> None:
        """Release the resource."""


C = TypeVar("C", bound=Closable)


@asynccontextmanager
async def closing(resource: C) -> AsyncIterator[C]:
    """Yield the resource and close it afterwards."""
    try:
        yield resource
    finally:
        await resource.close()


class Shared:
    """Clients and pools of a deployment or of one runtime.

    They are keyed by their opening function.

    Attributes:
        embedding_worker: In-process worker for queued embeddings; None if the process ends or freezes with its event.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._opened: dict[Callable[[], Any], Any] = {}
        self._opening = asyncio.Lock()
        self.embedding_worker: EmbeddingIntake | None = None

    async def get(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return the resource that `opens` opens, one for each function."""
        if opens not in self._opened:
            async with self._opening:
                if opens not in self._opened:
                    self._stack.callback(
                        self._opened.pop, opens, None
                    )  # after the stack closes it, `get` opens it again
                    self._opened[opens] = await self._stack.enter_async_context(opens())
        value: T = self._opened[opens]
        return value
