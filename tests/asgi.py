"""HTTP client of an application, without a socket."""

from __future__ import annotations

import httpx2

from runtime_core.http import Application


def client_of(app: Application) -> httpx2.AsyncClient:
    """Open a client that calls the application in this process."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://mayfly.test")
