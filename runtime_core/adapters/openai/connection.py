"""The HTTP client that model calls share: what it may hold open, and what it does when a connection died.

A Lambda function is frozen between events. Its idle connections may be gone when it thaws, and TLS is paid
only where it is used: reading the certificates takes some 45 ms.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import urllib.request
from contextlib import AsyncExitStack
from typing import Any

import httpx2

from runtime_core.adapters.openai.call import is_loopback

_MAX_CONNECTIONS = 100
_MAX_IDLE_CONNECTIONS = 20
_IDLE_S = 300.0  # AWS NAT gateways forget a connection after 350 s without traffic
_UNACKNOWLEDGED_MS = 5_000  # what a thawed connection to a peer that is gone may cost before it counts as broken
_PROBE_AFTER_S = 15  # a model may think for a minute without a byte: is the peer still there?
_CONNECT_S = 10.0
_CONNECTING = "connection.connect_tcp.started"
_DIED_IDLE = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)


def open_http_client() -> httpx2.AsyncClient:
    """A client for model calls; use it as an async context manager, or close it.

    It opens nothing yet. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count (a function in a private
    network may have no other way out), except on the way to this machine itself; `SSL_CERT_FILE` and
    `SSL_CERT_DIR` count; `.netrc` does not, as it would replace the key. Redirects are not followed: they would
    take the key along.
    """
    return httpx2.AsyncClient(transport=ModelTransport(), timeout=call_timeout(60.0), trust_env=False)


def call_timeout(seconds: float) -> httpx2.Timeout:
    """The limits of single reads and writes; the whole call is bounded apart from this."""
    return httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_S))


class ModelTransport(httpx2.AsyncBaseTransport):
    """Connections kept for the next call, opened when first used.

    A request that fails on a kept connection before any byte of its answer came is sent again: it is how a
    connection looks that died while nobody used it. On a new connection it is sent once.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str | None], httpx2.AsyncHTTPTransport] = {}
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._opening = asyncio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        transport = await self._transport(request.url)
        is_new = False

        async def note(event: str, _: dict[str, Any]) -> None:
            nonlocal is_new
            is_new = is_new or event == _CONNECTING

        request.extensions = {**request.extensions, "trace": note}
        for _ in range(_MAX_IDLE_CONNECTIONS):
            try:
                return await transport.handle_async_request(request)
            except _DIED_IDLE:
                if is_new:
                    raise
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for transport in self._opened.values():
                stack.push_async_callback(transport.aclose)
        self._opened.clear()

    async def _transport(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        origin = (url.scheme, url.host)
        if origin not in self._proxies:
            self._proxies[origin] = _proxy_for(url)
        key = (url.scheme, self._proxies[origin])
        if key not in self._opened:
            async with self._opening:
                if key not in self._opened:
                    self._opened[key] = await self._open(*key)
        return self._opened[key]

    async def _open(self, scheme: str, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        needs_tls = scheme == "https" or (proxy or "").startswith("https")
        # In a thread: whatever else the first event waits for goes on meanwhile.
        trusted = await asyncio.to_thread(httpx2.create_ssl_context) if needs_tls else _trusts_nobody()
        return httpx2.AsyncHTTPTransport(
            verify=trusted,
            proxy=httpx2.Proxy(proxy, ssl_context=trusted if needs_tls else None) if proxy else None,
            limits=httpx2.Limits(
                max_connections=_MAX_CONNECTIONS,
                max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_S,
            ),
            socket_options=_socket_options(),
        )


def _proxy_for(url: httpx2.URL) -> str | None:
    proxies = urllib.request.getproxies()
    if not proxies or is_loopback(str(url)) or urllib.request.proxy_bypass(url.host):
        return None
    return proxies.get(url.scheme) or proxies.get("all")


def _trusts_nobody() -> ssl.SSLContext:
    """What a plain connection gets in place of the certificates it has no use for; a TLS handshake would fail."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if sys.platform == "linux":
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_AFTER_S),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS),
        ]
    return options
