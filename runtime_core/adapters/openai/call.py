"""One call to a provider: where it goes, what may be said about it, how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from runtime_core.adapters.loopback import is_loopback_host
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import ModelTimeout, SettingsError
from runtime_core.support.deadline import bounded_s

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an error may and may not say about the call that failed.

    Attributes:
        base_url: Where it went.
        model: What was asked for.
        private: The key and the texts sent; no error repeats them.
    """

    base_url: str
    model: str
    private: Sequence[str] = ()


async def in_time(limit_s: float, asked: Asked, call: Callable[[float], Awaitable[T]]) -> T:
    """Await `call(seconds)` as a whole, for `limit_s` or what the deadline leaves.

    Raises:
        DeadlineExceeded: Nothing is left; the call was not made.
        ModelTimeout: It was not done in time.
    """
    seconds = bounded_s(limit_s)
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await call(seconds)
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ModelTimeout(f"{asked.base_url} did not finish its answer in {seconds:.1f} s") from error


def read_base_url(text: str) -> str:
    """A base URL as `OPENAI_BASE_URL` gives it, without the last slash; a bare host gets `/v1`.

    Raises:
        SettingsError: It is no HTTP URL.
    """
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"OPENAI_BASE_URL is not a URL: {error}", name="OPENAI_BASE_URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError("OPENAI_BASE_URL has to begin with http:// or https:// and a host", name="OPENAI_BASE_URL")
    if not text.isascii():
        raise SettingsError("OPENAI_BASE_URL holds characters that no URL has", name="OPENAI_BASE_URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "OPENAI_BASE_URL holds more than scheme, host, port and path; the key goes into OPENAI_API_KEY",
            name="OPENAI_BASE_URL",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))


def read_api_key(text: str | None) -> str | None:
    """A key as `OPENAI_API_KEY` gives it, without blanks around it; None when there is none.

    Raises:
        SettingsError: It cannot stand in a header; the text does not show it.
    """
    key = (text or "").strip()
    if not all("!" <= each <= "~" for each in key):
        raise SettingsError("OPENAI_API_KEY holds characters that no key has (blanks?)", name="OPENAI_API_KEY")
    return key or None


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine itself."""
    return is_loopback_host(urlsplit(url).hostname or "")
