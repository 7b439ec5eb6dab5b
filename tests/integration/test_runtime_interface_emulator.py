"""Handlers under Lambda's runtime client: cold, warm, killed, failing, misconfigured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.domain.ids import string_to_uuid
from tests.databases import free_port
from tests.integration.runtime_emulator import ROOT, RuntimeEmulator, emulated
from tests.model_answers import failure
from tests.model_server import ScriptedModelServer
from tests.queues import QueueServer, queue_server

UNRULY = "tests.integration.unruly_handler.handler"
ABSENT = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere-AbCdEf"
POTTER = str(string_to_uuid("Potter"))


def queued(body: dict[str, Any]) -> dict[str, Any]:
    """Create an event of one record that no real queue delivered."""
    record = {"messageId": "one", "body": json.dumps(body), "attributes": {"MessageGroupId": "room"}}
    return {"Records": [record]}


EVENTS: dict[str, Any] = {
    "message": {"text": "Hello"},
    "api": json.loads((ROOT / "events" / "http_api.json").read_text()),
    "inbox": queued({"text": "Hello"}),
    "embed": queued({"agent_id": POTTER, "memory_id": str(uuid4()), "content_hash": ""}),
    "work": queued({"kind": "evaluate", "agent_id": POTTER, "subject_id": str(uuid4())}),
    "tick": {},
    "migrate": {},
}


@pytest.fixture
def variables(postgres_url: str, model_server: ScriptedModelServer) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "MODEL_MAX_RETRIES": "0",
        "AGENTS": "tests.integration.agents:AGENTS",
    }


@pytest.fixture(scope="module")
def secrets() -> Iterator[QueueServer]:
    """Minimal AWS endpoint without any secret."""
    with queue_server() as started:
        yield started


@pytest.fixture
def function(variables: dict[str, str], tmp_path: Path) -> Iterator[RuntimeEmulator]:
    with emulated(UNRULY, variables, tmp_path / "log", timeout_s=2) as function:
        yield function


def test_warm_invocations_continue_what_the_cold_one_began(
    function: RuntimeEmulator, model_server: ScriptedModelServer
) -> None:
    room = str(uuid4())
    answers = [function.invoke({"text": text, "room_id": room}) for text in ("One", "Two", "Three")]
    assert [each["text"] for each in answers] == ["You said: One", "You said: Two", "You said: Three"]
    assert len({each["process"] for each in answers}) == 1
    assert len(model_server.chats[-1]["messages"]) == 6
    assert model_server.connection_count == 1


def test_a_timeout_kills_the_process_and_the_next_invocation_is_good(function: RuntimeEmulator) -> None:
    first = function.invoke({"text": "Hello"})
    hung = function.invoke({"hang": True})
    after = function.invoke({"text": "Are you there?"})
    assert "timed out" in str(hung).lower()
    assert after["text"] == "You said: Are you there?"
    assert after["process"] != first["process"]


def test_an_error_that_may_pass_fails_the_invocation_and_leaves_the_environment_usable(
    function: RuntimeEmulator, model_server: ScriptedModelServer
) -> None:
    first = function.invoke({"text": "Hello"})
    model_server.script(failure(503))
    message = {"id": str(uuid4()), "text": "Later, then"}
    failed = function.invoke(message)
    again = function.invoke(message)
    assert failed["errorType"] == "ModelUnavailable"
    assert (again["text"], again["process"]) == ("You said: Later, then", first["process"])


def test_an_error_that_nothing_catches_is_followed_by_a_good_invocation(function: RuntimeEmulator) -> None:
    function.invoke({"text": "Hello"})
    broken = function.invoke({"raise": True})
    assert "text" not in broken
    assert function.invoke({"text": "And now?"})["text"] == "You said: And now?"


WRONG = [
    ({"DATABASE_URL": ""}, "DATABASE_URL"),
    ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL"),
    ({"API_PORT": "many"}, "API_PORT"),
    ({"AGENTS": "handlers.nobody:AGENTS"}, "AGENTS"),
    ({"DATABASE_URL": "", "DATABASE_SECRET_ARN": "postgresql://host/name"}, "DATABASE_SECRET_ARN"),
    ({"DATABASE_URL": "", "DATABASE_SECRET_ARN": ABSENT}, "DATABASE_SECRET_ARN"),
]
HANDLERS = ("message", "api", "inbox", "embed", "work", "tick", "migrate")


@pytest.mark.parametrize(
    ("change", "name"), [*WRONG, ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, "OPENAI_API_KEY")]
)
def test_a_wrong_setting_is_one_line_and_a_result_that_names_it(
    variables: dict[str, str], change: dict[str, str], name: str, secrets: QueueServer, tmp_path: Path
) -> None:
    given = {**variables, **secrets.environment, "AWS_ENDPOINT_URL": secrets.endpoint, **change}
    with emulated("handlers.message.handler", given, tmp_path / "log") as function:
        answer = function.invoke({"text": "Hello"})
        assert name in answer["error"]["message"]
        assert answer["error"]["code"] == "invalid-settings"
        assert len(function.lines(name)) == 1
        assert function.lines("Traceback") == []


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize(
    ("change", "name"), [WRONG[0], WRONG[2], WRONG[5]], ids=["missing", "malformed", "absent secret"]
)
def test_every_handler_tells_a_wrong_setting_in_one_line_and_no_traceback(
    variables: dict[str, str], change: dict[str, str], name: str, handler: str, secrets: QueueServer, tmp_path: Path
) -> None:
    given = {**variables, **secrets.environment, "AWS_ENDPOINT_URL": secrets.endpoint, **change}
    with emulated(f"handlers.{handler}.handler", given, tmp_path / "log") as function:
        answer = function.invoke(EVENTS[handler])
        assert len(function.lines(name)) == 1
        assert function.lines("Traceback") == []
    if handler in {"inbox", "embed", "work"}:  # the only message format of the queue
        assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    else:
        error = answer["body"] if handler == "api" else json.dumps(answer["error"])
        assert name in error
        assert "invalid-settings" in error


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_handler_says_that_the_database_does_not_answer(
    variables: dict[str, str], handler: str, tmp_path: Path
) -> None:
    given = {**variables, "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere"}
    with emulated(f"handlers.{handler}.handler", given, tmp_path / "log") as function:
        answer = function.invoke(EVENTS[handler])
        assert function.lines("the database did not answer")
    match handler:
        case "inbox" | "embed" | "work":
            assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}]}
        case "api":
            assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
        case "migrate":
            assert answer["error"]["code"] == "store-unavailable"
        case _:  # may be transient: the event source retries
            assert answer["errorType"] == "StoreUnavailable"
