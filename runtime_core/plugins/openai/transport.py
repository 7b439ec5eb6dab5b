"""What the calls of a deployment go over: loaded in a thread from the start, waited for by the first call."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING

from runtime_core.support.shared import closing

if TYPE_CHECKING:
    from runtime_core.adapters.http_client import HttpClient

_LOADED = "runtime_core.adapters.openai.wire"


def open_transport() -> AbstractAsyncContextManager[Transport]:
    """The transport; opens no connection yet."""
    return closing(Transport())


class Transport:
    """One HTTP client, made when first asked for.

    Loading it takes a cold start some 60 ms, which pass while the first message waits for its database.
    """

    def __init__(self) -> None:
        thread = ThreadPoolExecutor(1, "transport")
        self._loading = asyncio.get_running_loop().run_in_executor(thread, import_module, _LOADED)
        thread.shutdown(wait=False)  # it ends when it is done
        self._http: HttpClient | None = None

    async def http(self) -> HttpClient:
        """The client; closed with the transport."""
        if self._http is None:
            await asyncio.shield(self._loading)
            from runtime_core.adapters.http_client import HttpClient  # noqa: PLC0415 - the thread has loaded it

            if self._http is None:  # whoever waited beside this call may have made it
                self._http = HttpClient()
        return self._http

    async def close(self) -> None:
        """Close the client's connections."""
        await self._loading
        if self._http is not None:
            await self._http.close()
