"""Which problem each error is, and what an error never says."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx2
import pytest

from runtime_core import errors
from runtime_core.deployment.deployment import Deployment
from runtime_core.errors import MayflyError
from runtime_core.http import create_app
from runtime_core.http.problems import KINDS, kind_of, problem_of
from tests.asgi import client_of


def tree(base: type[MayflyError]) -> Iterator[type[MayflyError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from tree(each)


def test_every_error_has_a_kind_of_its_own_or_of_its_family() -> None:
    bases = {MayflyError, errors.PluginError, errors.ServiceError, errors.StoreError, errors.AgentError}
    inherited = {each for each in tree(MayflyError) if each not in KINDS}
    assert all(each.__base__ in bases for each in inherited)
    assert all(kind_of(each).status == 500 for each in inherited)


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.title)
def test_titles_are_plain_words_and_statuses_are_errors(kind: object) -> None:
    assert kind in KINDS.values()
    assert 400 <= kind.status < 600  # type: ignore[attr-defined]


def failing_with(error: Exception) -> httpx2.AsyncClient:
    async def source() -> Deployment:
        raise error

    return client_of(create_app(source))


FOREIGN = "duplicate key value violates unique constraint"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidInput("is required", path="text"), 422, "invalid-input"),
        (errors.MessageTooLarge("too long"), 413, "message-too-large"),
        (errors.AgentNotFound("no agent is called X"), 404, "agent-not-found"),
        (errors.TurnInProgress("is being answered", retry_after_s=0.2), 409, "turn-in-progress"),
        (errors.LeaseLost(FOREIGN), 409, "lease-lost"),
        (errors.MessageConflict("used with another body"), 422, "message-conflict"),
        (errors.RoomOfAnotherAgent("belongs to another agent"), 403, "room-of-another-agent"),
        (errors.ModelRateLimited(FOREIGN, retry_after_s=7), 503, "model-rate-limited"),
        (errors.ModelUnavailable(FOREIGN), 503, "model-unavailable"),
        (errors.ModelTimeout(FOREIGN), 504, "model-timeout"),
        (errors.ModelAuthenticationFailed(FOREIGN), 502, "model-authentication-failed"),
        (errors.ModelAnswerTruncated(FOREIGN, partial="a"), 502, "model-answer-truncated"),
        (errors.DeadlineExceeded(FOREIGN), 504, "deadline-exceeded"),
        (errors.StoreUnavailable(FOREIGN), 503, "store-unavailable"),
        (errors.DuplicateRecord(FOREIGN), 500, "duplicate-record"),
        (errors.SchemaOutOfDate(FOREIGN), 500, "schema-out-of-date"),
        (errors.SettingsError(FOREIGN, name="DATABASE_URL"), 500, "invalid-settings"),
        (errors.InvalidCharacter(FOREIGN, source="ada.json"), 500, "invalid-character"),
        (KeyError(FOREIGN), 500, "internal-error"),
    ],
)
async def test_an_error_is_its_problem_and_foreign_words_stay_inside(error: Exception, status: int, code: str) -> None:
    async with failing_with(error) as client:
        response = await client.post("/v1/messages", json={"text": "Hello"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:mayfly:problem:{code}"
    assert problem["status"] == status
    assert problem["instance"] == f"urn:mayfly:request:{response.headers['x-request-id']}"
    assert FOREIGN not in response.text
    retryable = isinstance(error, MayflyError) and error.retryable
    assert ("retry-after" in response.headers) == retryable


async def test_retry_after_is_whole_seconds_rounded_up() -> None:
    async with failing_with(errors.ModelRateLimited("slow down", retry_after_s=6.1)) as client:
        response = await client.post("/v1/messages", json={"text": "Hello"})
    assert response.headers["retry-after"] == "7"


def test_a_settings_problem_names_the_setting_and_a_schema_problem_the_command() -> None:
    assert "DATABASE_URL" in problem_of(errors.SettingsError("x", name="DATABASE_URL")).detail
    assert "mayfly migrate" in problem_of(errors.SchemaOutOfDate("x")).detail


async def test_an_unknown_error_is_logged_once_with_its_traceback_and_the_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    defect = ZeroDivisionError("a defect")
    async with failing_with(defect) as client:
        response = await client.post("/v1/messages", json={"text": "Hello"}, headers={"X-Request-Id": "abc-1"})
    assert response.headers["x-request-id"] == "abc-1"
    failures = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(failures) == 1
    assert failures[0].exc_info is not None
    assert failures[0].exc_info[1] is defect
    assert failures[0].__dict__["request_id"] == "abc-1"
