"""Content negotiation: the representations of response and body."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runtime_core.http.problems import UnsupportedMediaType

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


def negotiate(request: Request, offered: Sequence[str]) -> str:
    """Choose the offered media type that the Accept header prefers.

    Equal quality is decided by exact names before wildcards, then by the header's order, then by
    the order of `offered`.

    Raises:
        HTTPException: 406, the header allows none of them.
    """
    accept = ", ".join(request.headers.getlist("accept"))
    if not accept.strip():
        return offered[0]
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    ranked = [(*_rank(kind, ranges), -place, kind) for place, kind in enumerate(offered)]
    best = max(ranked)
    if best[0] <= 0:
        raise HTTPException(406)
    return best[-1]


def _rank(kind: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int, int]:
    """Rank a media type by its most exact range (RFC 9110, 12.5.1).

    Returns:
        Quality, exactness and earliness of that range; zeros if none covers it.
    """
    patterns = ("*/*", f"{kind.split('/')[0]}/*", kind)
    matches = [
        (patterns.index(pattern), -place, quality)
        for place, (pattern, quality) in enumerate(ranges)
        if pattern in patterns
    ]
    if not matches:
        return (0.0, 0, 0)
    exactness, earliness, quality = max(matches)
    return (quality, exactness, earliness)


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = [piece.strip().lower() for piece in part.split(";")]
    quality = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
    try:
        return name, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return name, 0.0


def prefers_async(request: Request) -> bool:
    """Whether the request has `Prefer: respond-async` (RFC 7240)."""
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(each.partition(";")[0].strip() == "respond-async" for each in preferences)


def require_json(request: Request) -> None:
    """Check that the body is uncompressed JSON in UTF-8.

    Raises:
        UnsupportedMediaType: 415, it has another type, charset or encoding.
    """
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType(f"The Content-Type is {kind or 'missing'}: send the message as application/json.")
    named = dict(each.strip().partition("=")[::2] for each in parameters.split(";"))
    if named.get("charset", "utf-8").strip("\"'") not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType("The charset is not UTF-8: send the message in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Compressed bodies are not supported: send the body without Content-Encoding.")
