"""Fetcher of files from the public web, protected against server-side request forgery.

The fetcher resolves a host name once, checks every address, and connects to a checked address: a second lookup could
return another one. Each redirect is checked in the same way. Proxies are not used, because their target addresses
cannot be checked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import httpx2

from runtime_core.errors import FetchRefused
from runtime_core.ports import Fetched
from runtime_core.support.deadline import within

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Resolve a host name to its addresses; raises OSError if it has none."""

MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_NAT64 = ip_network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052: the last 32 bits are an IPv4 address


class WebFetcher:
    """A `Fetcher` over HTTP and HTTPS.

    Args:
        networks: Private networks to allow.
        resolve: Replaces the DNS lookup.
    """

    def __init__(self, *, networks: Sequence[Network] = (), resolve: Resolve | None = None) -> None:
        self._networks = tuple(networks)
        self._resolve = resolve or resolve_host

    async def fetch(self, url: str, *, limit_bytes: int, timeout_s: float) -> Fetched:
        async with within(timeout_s, "fetching the file"):
            for _ in range(MOST_REDIRECTS + 1):
                found = await self._request(url, limit_bytes)
                if isinstance(found, Fetched):
                    return found
                url = found
        raise FetchRefused(f"redirected more than {MOST_REDIRECTS} times")

    async def _request(self, url: str, limit_bytes: int) -> Fetched | str:
        """Request one URL; returns the file, or the target of a redirect."""
        scheme, host, port, target, address = await self._resolve_url(url)
        shown = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        named = f"[{host}]" if ":" in host else host
        headers = {
            "Host": named if port == _PORTS[scheme] else f"{named}:{port}",
            "User-Agent": "mayfly",
            "Accept-Encoding": "identity",
        }
        # Creating a context reads all certificates, so plain HTTP skips it.
        verify = await asyncio.to_thread(httpx2.create_ssl_context) if scheme == "https" else False
        try:
            async with (
                httpx2.AsyncClient(trust_env=False, verify=verify, timeout=None) as client,
                client.stream(
                    "GET",
                    f"{scheme}://{shown}:{port}{target}",
                    headers=headers,
                    extensions={"sni_hostname": host},
                ) as response,
            ):
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    return urljoin(url, response.headers["location"])
                return await _read(response, limit_bytes)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise FetchRefused(f"{host} could not be read ({type(error).__name__})") from error

    async def _resolve_url(self, url: str) -> tuple[str, str, int, str, Address]:
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError as error:
            raise FetchRefused(f"the URL is malformed: {error}") from error
        if scheme not in _PORTS or not host:
            raise FetchRefused(f"only http and https URLs are supported, not {scheme or 'a URL without a scheme'}")
        if parts.username is not None:
            raise FetchRefused("a URL with a user name is not supported")
        port = _PORTS[scheme] if port is None else port
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return scheme, host, port, target, await self._public_address(host, port)

    async def _public_address(self, host: str, port: int) -> Address:
        try:
            addresses = [ip_address(host)]
        except ValueError:
            try:
                addresses = list(await self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                raise FetchRefused(f"the host {host!r} does not exist") from error
        if not addresses:
            raise FetchRefused(f"the host {host!r} does not exist")
        if not all(self._may_reach(each) for each in addresses):
            raise FetchRefused(f"{host} is not a public address")
        return addresses[0]

    def _may_reach(self, address: Address) -> bool:
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Check whether an address is public.

    An IPv4 address embedded in it must be public as well.
    """
    if isinstance(address, IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if not all(is_public(each) for each in inside if each is not None):
            return False
        if address.ipv4_mapped is not None:
            return True
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def networks_of(text: str) -> tuple[Network, ...]:
    """Parse the comma-separated networks of a setting.

    Raises:
        ValueError: A network is malformed.
    """
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


async def resolve_host(host: str, port: int) -> Sequence[Address]:
    """Resolve a host name with the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


async def _read(response: httpx2.Response, limit_bytes: int) -> Fetched:
    if response.status_code != 200:
        raise FetchRefused(f"the server answered {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchRefused("the server sent a compressed body despite Accept-Encoding: identity")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit_bytes:
        raise FetchRefused(f"the file has {int(length):,} bytes, more than the {limit_bytes:,} allowed")
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > limit_bytes:
            raise FetchRefused(f"the file has more than the {limit_bytes:,} bytes allowed")
    content_type, _, parameters = response.headers.get("content-type", "").partition(";")
    return Fetched(content=bytes(content), content_type=content_type.strip().lower(), charset=_charset(parameters))


def _charset(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"') or None
    return None
