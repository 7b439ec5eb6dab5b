"""HTTP transport of a deployment, loaded in a thread at start."""

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
    """Open the transport, without a connection."""
    return closing(Transport())


class Transport:
    """One HTTP client, created on first use.

    Loading its module takes about 60 ms of a cold start, concurrently with the connection to the database.
    """

    def __init__(self) -> None:
        thread = ThreadPoolExecutor(1, "transport")
        self._loading = asyncio.get_running_loop().run_in_executor(thread, import_module, _LOADED)
        thread.shutdown(wait=False)  # the thread ends after the import
        self._http: HttpClient | None = None

    async def http(self) -> HttpClient:
        """Return the client, which the transport closes."""
        if self._http is None:
            await asyncio.shield(self._loading)
            from runtime_core.adapters.http_client import HttpClient  # noqa: PLC0415 - loaded by the thread

            if self._http is None:  # a concurrent call may have created it
                self._http = HttpClient()
        return self._http

    async def close(self) -> None:
        """Close the client's connections."""
        await self._loading
        if self._http is not None:
            await self._http.close()
