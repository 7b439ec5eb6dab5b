"""Translation of a provider's failures into model errors, for both adapters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from runtime_core.adapters.openai.call import Asked
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import (
    ModelAuthenticationFailed,
    ModelError,
    ModelRateLimited,
    ModelRequestRejected,
    ModelUnavailable,
)

_DETAIL_LIMIT = 300  # characters of the provider's message
_ECHO_LENGTH = 16  # common characters that count as an echo of the conversation
_SHORTEST_SECRET = 4
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "access_terminated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Error object of a provider, `{"error": {...}}` or a variant."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""

    @classmethod
    def read(cls, body: Any) -> Problem:
        """Parse the body of an error.

        Any shape is accepted, and missing fields stay empty.
        """
        error = body.get("error", body) if isinstance(body, Mapping) else body
        if isinstance(error, str):
            return cls(message=error)
        if not isinstance(error, Mapping):
            return cls()
        message = error.get("message") or error.get("detail")
        return cls(
            message=message if isinstance(message, str) else "",
            code=_word(error.get("code")),
            type=_word(error.get("type")),
            param=_word(error.get("param")),
        )


def status_error(status: int, headers: Mapping[str, str], body: Any, asked: Asked) -> ModelError:
    """Make the error for an unsuccessful HTTP status.

    Retryable are, as in the `openai` package, 408, 409 (lock timeout), 429 unless the quota is used up, and 5xx; an
    `x-should-retry` header overrides that.

    Args:
        headers: Headers with lower-case names, or a mapping that ignores case.
        body: Decoded JSON, or None.
    """
    problem = Problem.read(body)
    retry_after_s = read_retry_after(headers)
    error = _by_status(status, problem, retry_after_s, asked)
    if (verdict := headers.get("x-should-retry")) in ("true", "false"):
        error.retryable = verdict == "true"
    return error


def answered_error(body: Mapping[str, Any], asked: Asked) -> ModelError:
    """Make the error for an error object.

    The object is in a 200 response or inside a stream.

    Some gateways write the HTTP status as its code, which then counts as the status.
    """
    problem = Problem.read(body)
    status = int(problem.code) if problem.code.isdecimal() and len(problem.code) == 3 else None
    if status is not None and status >= 400:
        return _by_status(status, problem, None, asked)
    if "rate_limit" in problem.code or "rate_limit" in problem.type or problem.code in _QUOTA_CODES:
        return _by_status(429, problem, None, asked)
    if problem.type == "invalid_request_error":
        return _by_status(400, problem, None, asked)
    return ModelUnavailable(f"the model's answer is an error{_detail(problem, asked)}")


def read_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read the seconds to wait from `retry-after-ms` or `retry-after`.

    Returns:
        Seconds, also for an HTTP date; None if neither header is valid.

    Source:
        RFC 9110, 10.2.3; `retry-after-ms` is OpenAI's.
    """
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return max(0.0, seconds / divisor)
    date = _date(headers.get("retry-after"))
    if date is None:
        return None
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _by_status(status: int, problem: Problem, retry_after_s: float | None, asked: Asked) -> ModelError:
    detail = _detail(problem, asked)
    if status in (401, 403):
        return ModelAuthenticationFailed(
            f"{asked.base_url} did not accept the key ({status}{_codes(problem)}): check OPENAI_API_KEY", status=status
        )
    if status == 404:
        return ModelRequestRejected(
            f"{asked.base_url} does not know the model {asked.model!r} or the path (404{detail})", status=status
        )
    if status == 429:
        limited = ModelRateLimited(
            f"{asked.base_url} limits the rate (429{detail})", status=status, retry_after_s=retry_after_s
        )
        limited.retryable = not {problem.code, problem.type} & _QUOTA_CODES
        return limited
    if status == 408 or status >= 500:
        return ModelUnavailable(
            f"{asked.base_url} cannot answer now ({status}{detail})", status=status, retry_after_s=retry_after_s
        )
    rejected = ModelRequestRejected(
        f"{asked.base_url} refused the request ({status}{detail})", status=status, retry_after_s=retry_after_s
    )
    rejected.retryable = status == 409
    return rejected


def _detail(problem: Problem, asked: Asked) -> str:
    """Format the provider's message, unless it echoes the request."""
    said = problem.message[:_DETAIL_LIMIT]
    message = " ".join(said.split())
    if message and not _echoes(said, asked.private) and not _echoes(message, asked.private):
        return f"{_codes(problem)}: {message}"
    return _codes(problem)


def _codes(problem: Problem) -> str:
    words = [each for each in (problem.code or problem.type, problem.param) if each]
    return f" {' '.join(words)}" if words else ""


def _echoes(message: str, private: Sequence[str]) -> bool:
    return any(part in text for text in private for part in _parts(message, text))


def _parts(message: str, text: str) -> Iterator[str]:
    """Yield the substrings of `message` that `text` must not contain.

    A short `text` counts as a whole.
    """
    if len(text) < _ECHO_LENGTH:
        if len(text) >= _SHORTEST_SECRET and text in message:
            yield text
        return
    for start in range(max(1, len(message) - _ECHO_LENGTH + 1)):
        if len(piece := message[start : start + _ECHO_LENGTH]) == _ECHO_LENGTH:
            yield piece


def _word(value: Any) -> str:
    """Read an identifier.

    Returns:
        A single word; empty for anything else, which could be private text.
    """
    text = str(value) if isinstance(value, str | int) else ""
    return text if len(text) <= 64 and not any(each.isspace() for each in text) else ""


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
