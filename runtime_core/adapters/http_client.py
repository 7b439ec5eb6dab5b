"""HTTP client with pooled connections.

It survives the freezing of a Lambda function between events, after which idle connections may be dead. Certificates
are read only for TLS: that takes some 45 ms. The client uses the connection pool below `httpx2` directly, because
importing `httpx2` itself adds some 30 ms to a cold start.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
import httpcore2

from runtime_core.adapters.loopback import is_loopback_host

_MAX_CONNECTIONS = 100
_MAX_IDLE_CONNECTIONS = 20
_IDLE_S = 300.0  # AWS NAT gateways forget a connection after 350 s without traffic
_UNACKNOWLEDGED_MS = 5_000  # how long a thawed connection to a dead peer may stall before it counts as broken
_PROBE_AFTER_S = 15  # TCP keepalive: a model may think for a minute without sending a byte
CONNECT_S = 10.0
_CONNECTING = "connection.connect_tcp.started"
_DIED_IDLE = (httpcore2.ReadError, httpcore2.WriteError, httpcore2.RemoteProtocolError)
_FAILED = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
    # httpcore2 lets these two through on some broken TLS connections, as the `openai` package also notes.
    ssl.SSLError,
    anyio.EndOfStream,
)


class HttpError(Exception):
    """The response is missing or incomplete; the text holds the cause."""


class HttpTimeout(HttpError):
    """A connect, read or write exceeded its timeout."""


class HttpAnswer:
    """Response with an unread body.

    It has the status and the headers, with lower-case names.
    """

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body in chunks.

        Reading the whole body frees the connection for the next call.

        Raises:
            HttpError: The body ended early.
        """
        async with aclosing(self._response.aiter_stream()) as body:
            while True:
                with _our_errors():
                    chunk = await anext(body, None)
                if chunk is None:
                    return
                yield chunk

    async def read(self) -> bytes:
        """Read the whole body; raises as `chunks`."""
        return b"".join([chunk async for chunk in self.chunks()])


class HttpClient:
    """HTTP client over pooled connections.

    It is an async context manager, and opens connections on first use.

    It honours `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (a function in a private network may have no
    other route), except for the loopback, as well as `SSL_CERT_FILE` and `SSL_CERT_DIR`. It ignores `.netrc`, which
    would replace the API key, and does not follow redirects, which would leak it.

    A request that fails on a pooled connection before the first byte of the response is retried: an idle connection
    that died fails that way. On a new connection there is no retry.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[bytes, str | None], httpcore2.AsyncConnectionPool] = {}
        self._proxies: dict[tuple[bytes, bytes], str | None] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        async with AsyncExitStack() as stack:
            for pool in self._pools.values():
                stack.push_async_callback(pool.aclose)
        self._pools.clear()

    @asynccontextmanager
    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None = None, timeout_s: float
    ) -> AsyncIterator[HttpAnswer]:
        """Send a request and yield its response.

        Args:
            timeout_s: Limit of each connect, read and write, not of the call as a whole.

        Raises:
            HttpTimeout: A connect, read or write exceeded `timeout_s`.
            HttpError: The request failed without a response.
        """
        with _our_errors():
            response = await self.handle(_request(method, httpcore2.URL(url), headers, content, timeout_s))
        try:
            yield HttpAnswer(response)
        finally:
            await response.aclose()

    async def handle(self, request: httpcore2.Request) -> httpcore2.Response:
        """Send a raw request for the transport of another client.

        Errors of httpcore2 are raised untranslated.
        """
        pool = await self._pool(request.url)
        is_new = False

        async def note(event: str, _: Mapping[str, Any]) -> None:
            nonlocal is_new
            is_new = is_new or event == _CONNECTING

        request.extensions = {**request.extensions, "trace": note}
        for _ in range(_MAX_IDLE_CONNECTIONS):
            try:
                return await pool.handle_async_request(request)
            except _DIED_IDLE:
                if is_new:
                    raise
        return await pool.handle_async_request(request)

    async def _pool(self, url: httpcore2.URL) -> httpcore2.AsyncConnectionPool:
        origin = (url.scheme, url.host)
        if origin not in self._proxies:
            self._proxies[origin] = _proxy_for(url.scheme.decode(), url.host.decode())
        key = (url.scheme, self._proxies[origin])
        if key not in self._pools:
            async with self._opening:
                if key not in self._pools:
                    self._pools[key] = await _open(*key)
        return self._pools[key]


async def _open(scheme: bytes, proxy: str | None) -> httpcore2.AsyncConnectionPool:
    needs_tls = scheme == b"https" or (proxy or "").startswith("https")
    # In a thread, so that other work of the first event continues.
    trusted = await asyncio.to_thread(_read_certificates) if needs_tls else _empty_context()
    return httpcore2.AsyncConnectionPool(
        ssl_context=trusted,
        proxy=None if proxy is None else _read_proxy(proxy, trusted),
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
        keepalive_expiry=_IDLE_S,
        socket_options=_socket_options(),
    )


def _request(
    method: str, url: httpcore2.URL, headers: Mapping[str, str], content: bytes | None, timeout_s: float
) -> httpcore2.Request:
    sent_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
    if not any(name.lower() == b"host" for name, _ in sent_headers):  # a signed request has its own
        sent_headers.insert(0, (b"host", _host(url)))
    if content is not None:
        sent_headers.append((b"content-length", b"%d" % len(content)))
    seconds = {"connect": min(timeout_s, CONNECT_S), "read": timeout_s, "write": timeout_s, "pool": timeout_s}
    return httpcore2.Request(method, url, headers=sent_headers, content=content, extensions={"timeout": seconds})


def _host(url: httpcore2.URL) -> bytes:
    host = b"[%s]" % url.host if b":" in url.host else url.host
    return host if url.port is None else b"%s:%d" % (host, url.port)


@contextmanager
def _our_errors() -> Iterator[None]:
    """Translate the errors of httpcore2.

    The context wraps only calls of httpcore2, never a caller's code.
    """
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise HttpTimeout(type(error).__name__) from error
    except _FAILED as error:
        raise HttpError(f"{type(error).__name__} {error}".rstrip()) from error


def _proxy_for(scheme: str, host: str) -> str | None:
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request  # noqa: PLC0415 - loads http.client and more, needed only with a proxy

    proxies = urllib.request.getproxies()
    if not proxies or is_loopback_host(host) or urllib.request.proxy_bypass(host):
        return None
    return proxies.get(scheme) or proxies.get("all")


def _read_proxy(url: str, trusted: ssl.SSLContext) -> httpcore2.Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    user = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return httpcore2.Proxy(address, auth=user, ssl_context=trusted if parts.scheme == "https" else None)


def _read_certificates() -> ssl.SSLContext:
    try:
        return httpcore2.default_ssl_context()
    except OSError as error:
        raise HttpError(
            f"the trusted certificates are not readable ({error}): check SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error


def _empty_context() -> ssl.SSLContext:
    """Make a TLS context without certificates.

    It is for plain connections: a TLS handshake with it fails.
    """
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
