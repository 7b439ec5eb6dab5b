"""Queued messages: order within a room, and redelivery after failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import handlers.inbox
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.settings import Settings
from tests.model_answers import failure
from tests.model_server import ScriptedModelServer
from tests.queues import Queue, queue_server


def context() -> LocalContext:
    """Create the context of a new invocation."""
    return LocalContext(function_name="inbox", timeout_s=30)


ROOM = "5d34f6c3-6b2b-06a1-b24d-1f451cf83159"
OTHER = "a2d1b5c0-1f44-4f0e-9a53-0c9f4c1d7e11"


def record(number: int, room: str, body: object) -> dict[str, Any]:
    return {
        "messageId": f"00000000-0000-4000-8000-{number:012}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"MessageGroupId": room, "ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


def failed(result: dict[str, Any]) -> list[int]:
    return [int(each["itemIdentifier"][-12:]) for each in result["batchItemFailures"]]


@pytest.fixture
def environment(model_server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    settings = Settings.from_environment(
        {
            "DATABASE_URL": "sqlite://",
            "OPENAI_API_KEY": "sk-test-1234",
            "OPENAI_BASE_URL": model_server.base_url,
            "MODEL_MAX_RETRIES": "0",
            "AGENTS": "tests.integration.agents:AGENTS",
        }
    )
    environment = Environment(lambda: settings)
    monkeypatch.setattr(handlers.inbox, "environment", environment)
    yield environment
    environment.close()


@pytest.mark.usefixtures("environment")
def test_a_room_is_answered_in_order(model_server: ScriptedModelServer) -> None:
    batch = {"Records": [record(1, ROOM, {"text": "One"}), record(2, ROOM, {"text": "Two"})]}
    assert handlers.inbox.handler(batch, context()) == {"batchItemFailures": []}
    said = [[each["content"] for each in chat["messages"][1:]] for chat in model_server.chats]
    assert said == [["One"], ["One", "You said: One", "Two"]]


@pytest.mark.usefixtures("environment")
def test_a_second_delivery_is_the_same_message(model_server: ScriptedModelServer) -> None:
    batch = {"Records": [record(1, ROOM, {"text": "Once"})]}
    handlers.inbox.handler(batch, context())
    assert handlers.inbox.handler(batch, context()) == {"batchItemFailures": []}
    assert model_server.request_count == 1


@pytest.mark.usefixtures("environment")
def test_a_failure_redelivers_its_room_and_no_other(model_server: ScriptedModelServer) -> None:
    batch = {
        "Records": [
            record(1, ROOM, {"text": ""}),
            record(2, OTHER, {"text": "Fine"}),
            record(3, ROOM, {"text": "Waits for the first"}),
            record(4, OTHER, {"text": "Fine, too"}),
        ]
    }
    assert failed(handlers.inbox.handler(batch, context())) == [1, 3]
    assert [chat["messages"][-1]["content"] for chat in model_server.chats] == ["Fine", "Fine, too"]


@pytest.mark.usefixtures("environment")
def test_a_message_the_model_could_not_answer_is_answered_by_the_next_delivery(
    model_server: ScriptedModelServer,
) -> None:
    model_server.script(failure(503))
    batch = {"Records": [record(1, ROOM, {"text": "Now or later"})]}
    assert failed(handlers.inbox.handler(batch, context())) == [1]
    assert failed(handlers.inbox.handler(batch, context())) == []


@pytest.mark.usefixtures("environment")
def test_a_body_that_is_not_json_is_the_only_failure() -> None:
    batch = {"Records": [record(1, ROOM, "{nope"), record(2, OTHER, {"text": "Hello"})]}
    assert failed(handlers.inbox.handler(batch, context())) == [1]


def test_a_deployment_that_does_not_open_redelivers_every_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment(lambda: Settings.from_environment({"API_PORT": "many"}))
    monkeypatch.setattr(handlers.inbox, "environment", environment)
    batch = {"Records": [record(1, ROOM, {"text": "One"}), record(2, OTHER, {"text": "Two"})]}
    assert failed(handlers.inbox.handler(batch, context())) == [1, 2]
    environment.close()
    assert ["API_PORT" in each.getMessage() for each in caplog.records] == [True]


@pytest.mark.usefixtures("environment")
def test_a_failed_message_is_retried_before_the_queues_visibility_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with queue_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        client = server.client()
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "720"}
        url = client.create_queue(QueueName="inbox.fifo", Attributes=attributes)["QueueUrl"]
        for body in ("{nope", json.dumps({"text": "Waits for the first"})):
            client.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=ROOM)
        (event,) = Queue(client, url).events()
        arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        records = [{**each, "eventSourceARN": arn} for each in event["Records"]]
        result = handlers.inbox.handler({"Records": records}, context())
        assert [each["itemIdentifier"] for each in result["batchItemFailures"]] == [
            each["messageId"] for each in records
        ]
        assert Queue(client, url).bodies() == ["{nope", json.dumps({"text": "Waits for the first"})]
