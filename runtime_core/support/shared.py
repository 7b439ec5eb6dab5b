"""What runtimes share: opened by the first that asks, closed with whoever holds the stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, TypeVar

from runtime_core.ports import EmbeddingIntake

T = TypeVar("T")


class Closable(Protocol):
    """What holds something open."""

    async def close(self) -> None:
        """Let go of it."""


C = TypeVar("C", bound=Closable)


@asynccontextmanager
async def closing(resource: C) -> AsyncIterator[C]:
    """The resource, closed afterwards."""
    try:
        yield resource
    finally:
        await resource.close()


class Shared:
    """Clients and pools by what opens them; for a deployment, or for one runtime alone.

    Attributes:
        embedding_worker: Embeds in this process what is queued; None where the process ends or freezes with its event.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._opened: dict[Callable[[], Any], Any] = {}
        self._opening = asyncio.Lock()
        self.embedding_worker: EmbeddingIntake | None = None

    async def get(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What `opens` opened: the same value for the same function, each time."""
        if opens not in self._opened:
            async with self._opening:
                if opens not in self._opened:
                    self._stack.callback(self._opened.pop, opens, None)  # closed with the stack: opened anew after
                    self._opened[opens] = await self._stack.enter_async_context(opens())
        value: T = self._opened[opens]
        return value
