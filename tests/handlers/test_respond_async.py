"""Deferred answers: from the HTTP handler through the FIFO queue to the inbox handler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from handlers import api, inbox
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.domain.ids import string_to_uuid
from runtime_core.settings import Settings
from tests.handlers.conftest import Event, kept_event
from tests.queues import Queue, queue_server

ROOM = "5d34f6c3-6b2b-06a1-b24d-1f451cf83159"
BODY = {"text": "Later, please 🪰", "room_id": ROOM, "entity": {"id": str(string_to_uuid("Zoë")), "name": "Zoë"}}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with queue_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server.client()


@pytest.fixture
def queue(client: Any) -> Iterator[Queue]:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "720"}
    url = client.create_queue(QueueName="inbox.fifo", Attributes=attributes)["QueueUrl"]
    yield Queue(client, url)
    client.delete_queue(QueueUrl=url)


@pytest.fixture(autouse=True)
def environment(queue: Queue, any_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    settings = Settings(
        database_url=any_database_url,
        agents="tests.component.http.echo:AGENTS",
        model_max_retries=0,
        inbox_queue_url=queue.url,
        on_lambda=True,
    )
    environment = Environment(lambda: settings)
    monkeypatch.setattr(api, "environment", environment)
    monkeypatch.setattr(inbox, "environment", environment)
    yield environment
    environment.close()


def send(body: object, *, source: str = "http_api", key: str | None = None, **changes: Any) -> Event:
    event = kept_event(source, body=json.dumps(body), **changes)
    headers = {"prefer": "respond-async"} | ({"idempotency-key": key} if key else {})
    event["headers"] = {**event["headers"], **headers}
    if "multiValueHeaders" in event:
        repeated = {name: [value] for name, value in headers.items()}
        event["multiValueHeaders"] = {**event["multiValueHeaders"], **repeated}
    return api.handler(event, LocalContext(function_name="api", timeout_s=30))


def run_at(location: str) -> dict[str, Any]:
    event = kept_event("http_api", body=None, rawPath=location)
    event["requestContext"]["http"] |= {"method": "GET", "path": location}
    answer = api.handler(event, LocalContext(function_name="api", timeout_s=30))
    assert answer["statusCode"] == 200, answer["body"]
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def deliver(queue: Queue) -> tuple[int, int]:
    return queue.deliver(lambda event: inbox.handler(event, LocalContext(function_name="inbox", timeout_s=30)))


@pytest.mark.spec("L4")
def test_a_message_passes_the_queue_and_its_run_has_its_status(queue: Queue) -> None:
    accepted = send(BODY)
    assert accepted["statusCode"] == 202
    location = accepted["headers"]["location"]
    assert accepted["headers"]["preference-applied"] == "respond-async"
    assert run_at(location)["status"] == "queued"
    assert deliver(queue) == (1, 0)
    run = run_at(location)
    assert (run["status"], run["room_id"]) == ("completed", ROOM)
    assert run["result"]["text"] == "You said Later, please 🪰"
    assert location == f"/v1/runs/{run['id']}"


def test_the_queue_gets_the_room_as_group_and_the_run_as_deduplication_id(queue: Queue) -> None:
    accepted = send(BODY, key="once")
    (event,) = queue.events()
    (record,) = event["Records"]
    assert record["attributes"]["MessageGroupId"] == ROOM
    assert record["attributes"]["MessageDeduplicationId"] == json.loads(accepted["body"])["id"]
    carried = json.loads(record["body"])
    assert carried["id"] == str(string_to_uuid("once"))
    assert carried["entity"] == BODY["entity"]


@pytest.mark.spec("N1")
def test_a_repeated_message_is_enqueued_once(queue: Queue) -> None:
    first, second = send(BODY, key="once"), send(BODY, key="once")
    assert first["headers"]["location"] == second["headers"]["location"]
    assert deliver(queue) == (1, 0)
    answered = send(BODY, key="once")
    assert (answered["statusCode"], answered["headers"]["idempotent-replayed"]) == (200, "true")
    assert json.loads(answered["body"])["run_id"] == json.loads(first["body"])["id"]
    assert queue.bodies() == []


def test_a_failed_message_can_be_sent_again_at_once(queue: Queue) -> None:
    failing = {**BODY, "text": "fail later"}
    accepted = send(failing, key="again")
    assert deliver(queue) == (0, 1)
    run = run_at(accepted["headers"]["location"])
    assert (run["status"], run["attempt"]) == ("failed", 1)
    assert run["error"] == {
        "type": "urn:mayfly:problem:model-unavailable",
        "title": "Model unavailable",
        "retryable": True,
    }
    assert send(failing, key="again")["statusCode"] == 202
    queue.client.purge_queue(QueueUrl=queue.url)


def test_a_message_that_failed_before_its_turn_reports_so_and_can_be_sent_again(queue: Queue) -> None:
    send({**BODY, "agent": "Ada"})
    assert deliver(queue) == (1, 0)
    foreign = {**BODY, "agent": "Bob"}
    accepted = send(foreign, key="foreign")
    assert deliver(queue) == (0, 1)
    run = run_at(accepted["headers"]["location"])
    assert (run["status"], run["attempt"]) == ("failed", 0)
    assert run["error"]["type"] == "urn:mayfly:problem:room-of-another-agent"
    queue.client.purge_queue(QueueUrl=queue.url)
    assert send(foreign, key="foreign")["statusCode"] == 202
    assert run_at(accepted["headers"]["location"])["status"] == "queued"
    assert len(queue.bodies()) == 1


def test_a_message_too_large_for_the_queue_is_refused(queue: Queue) -> None:
    controls = "\x01" * 60_000  # six times as long in JSON
    answer = send({**BODY, "text": controls})
    assert answer["statusCode"] == 413
    assert queue.bodies() == []


def test_a_missing_queue_is_a_retryable_problem(queue: Queue) -> None:
    queue.client.delete_queue(QueueUrl=queue.url)
    answer = send(BODY)
    assert answer["statusCode"] in {500, 503}
    assert json.loads(answer["body"])["type"].startswith("urn:mayfly:problem:queue-")
    queue.client.create_queue(QueueName="inbox.fifo", Attributes={"FifoQueue": "true"})


def test_the_location_includes_the_stage_of_the_callers_url() -> None:
    accepted = send({"text": "Hello"}, source="rest_api")
    location = accepted["headers"]["location"]
    assert location == f"/prod/v1/runs/{json.loads(accepted['body'])['id']}"
