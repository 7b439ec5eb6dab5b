"""Error texts, and which errors are retryable."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runtime_core.adapters.openai.call import Asked
from runtime_core.adapters.openai.errors import answered_error, read_retry_after, status_error
from runtime_core.errors import ModelRateLimited, ModelRequestRejected, ModelUnavailable

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ASKED = Asked(base_url="https://models.example/v1", model="m", private=("sk-secret-key-000", "hi there", "hi"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
    ],
)
def test_the_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"error": {"message": "Bad  thing\nhappened", "code": "bad", "param": "top_p"}},
            "400 bad top_p: Bad thing happened",
        ),
        ({"error": "plain text"}, "400: plain text"),
        ({"detail": "of another framework"}, "400: of another framework"),
        ({"error": {"message": "You wrote hi there", "type": "bad"}}, "400 bad)"),
        ({"error": {"message": "hint", "type": "two words"}}, "400: hint"),
        ({"error": {"message": 5, "code": {}}}, "400)"),
        ("text", "400: text"),
        (None, "400)"),
        ([], "400)"),
    ],
)
def test_an_error_says_what_the_provider_said(body: object, said: str) -> None:
    assert said in str(status_error(400, {}, body, ASKED))


def test_a_long_message_is_cut() -> None:
    assert len(str(status_error(400, {}, {"error": {"message": "x" * 100_000}}, ASKED))) < 500


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": 429, "message": "slow"}, ModelRateLimited, True),
        ({"code": "rate_limit_exceeded"}, ModelRateLimited, True),
        ({"code": "insufficient_quota"}, ModelRateLimited, False),
        ({"type": "invalid_request_error"}, ModelRequestRejected, False),
        ({"code": 400}, ModelRequestRejected, False),
        ({"code": 200}, ModelUnavailable, True),
        ({"type": "server_error"}, ModelUnavailable, True),
        ("overloaded", ModelUnavailable, True),
    ],
)
def test_an_error_object_with_a_good_status_is_an_error(error: object, kind: type[Exception], retryable: bool) -> None:
    made = answered_error({"error": error}, ASKED)

    assert type(made) is kind
    assert made.retryable is retryable
