"""Event loop in a separate thread.

Background work of the agents continues while the terminal waits for input.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class OwnLoop:
    """Runner of coroutines on one loop in a separate thread.

    Ctrl-C in the calling thread cancels the current coroutine.
    """

    def __init__(self) -> None:
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="agents", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._closed: asyncio.Event

    def __enter__(self) -> OwnLoop:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and wait for its result.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the coroutine was cancelled and has ended.
            Exception: Any exception of the coroutine.
        """
        ended = threading.Event()
        future = asyncio.run_coroutine_threadsafe(_run_and_signal(work, ended), self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            if future.cancel():
                ended.wait()
            raise

    def _serve(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._closed.wait()


async def _run_and_signal(work: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    try:
        return await work
    finally:
        ended.set()
