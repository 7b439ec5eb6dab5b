"""Target, error redaction and time limit of a call to a provider."""

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
    """Facts about a call for error texts.

    It also holds the secrets that these texts must not contain.

    Attributes:
        base_url: Base URL of the provider.
        model: Requested model.
        private: The key and the texts sent; no error repeats them.
    """

    base_url: str
    model: str
    private: Sequence[str] = ()


async def in_time(limit_s: float, asked: Asked, call: Callable[[float], Awaitable[T]]) -> T:
    """Await `call(seconds)` within `limit_s` and the deadline.

    Raises:
        DeadlineExceeded: No time is left; the call was not made.
        ModelTimeout: The call exceeded its time.
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
    """Parse `OPENAI_BASE_URL`.

    Returns:
        The URL without a trailing slash, and with `/v1` after a bare host.

    Raises:
        SettingsError: The text is not an HTTP URL.
    """
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"OPENAI_BASE_URL is not a URL: {error}", name="OPENAI_BASE_URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError("OPENAI_BASE_URL must begin with http:// or https:// and a host", name="OPENAI_BASE_URL")
    if not text.isascii():
        raise SettingsError("OPENAI_BASE_URL contains characters that are invalid in a URL", name="OPENAI_BASE_URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "OPENAI_BASE_URL may have only scheme, host, port and path: put the key into OPENAI_API_KEY",
            name="OPENAI_BASE_URL",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))


def read_api_key(text: str | None) -> str | None:
    """Parse `OPENAI_API_KEY`: strip surrounding white space; None if empty.

    Raises:
        SettingsError: The key is not valid in an HTTP header; the text does not show it.
    """
    key = (text or "").strip()
    if not all("!" <= each <= "~" for each in key):
        raise SettingsError(
            "OPENAI_API_KEY contains characters that are invalid in a key, such as blanks", name="OPENAI_API_KEY"
        )
    return key or None


def is_loopback(url: str) -> bool:
    """Check whether the host of a URL is the loopback."""
    return is_loopback_host(urlsplit(url).hostname or "")
