"""Which representation a request accepts, and which one its body has."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runtime_core.http.problems import UnsupportedMediaType

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


def preferred(request: Request, offered: Sequence[str]) -> str:
    """The offered media type that the Accept header likes best.

    Among equals the one it names first, exact names before wildcards; with wildcards alone, the first offered.

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
    """Quality, exactness and earliness of the most exact range that covers `kind` (RFC 9110, 12.5.1)."""
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
    """Whether the caller would rather not wait for the answer (`Prefer: respond-async`, RFC 7240)."""
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(each.partition(";")[0].strip() == "respond-async" for each in preferences)


def require_json(request: Request) -> None:
    """Check that the body is JSON in UTF-8, not compressed.

    Raises:
        UnsupportedMediaType: 415, it is something else.
    """
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType(f"Send the message as application/json, not as {kind or 'an unnamed type'}.")
    named = dict(each.strip().partition("=")[::2] for each in parameters.split(";"))
    if named.get("charset", "utf-8").strip("\"'") not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType("JSON is written in UTF-8; another charset is not read.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("A compressed body is not read; send it as it is.")
