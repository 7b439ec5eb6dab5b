"""Direct invocation: events in, results out."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import pytest

import handlers.message
from runtime_core.aws.environment import Environment, usable_s
from runtime_core.errors import DeadlineExceeded, ModelTimeout, ModelUnavailable
from runtime_core.settings import Settings
from tests.model_answers import Gate, Reply, failure, held
from tests.model_server import ScriptedModelServer

ROOT = Path(__file__).parents[2]
ROOM = "5d34f6c3-6b2b-06a1-b24d-1f451cf83159"
Handle: TypeAlias = Callable[..., dict[str, Any]]


class Context:
    """Lambda context of a test."""

    aws_request_id = "11111111-2222-4333-8444-555555555555"

    def __init__(self, remaining_ms: int = 30_000) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining_ms


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "mayfly.db"


@pytest.fixture
def variables(database: Path, model_server: ScriptedModelServer) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{database}",
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "MODEL_MAX_RETRIES": "0",
        "AGENTS": "tests.integration.agents:AGENTS",
    }


@pytest.fixture
def environment(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Replace the process's environment by a separate one."""
    environment = Environment(lambda: Settings.from_environment(variables))
    monkeypatch.setattr(handlers.message, "environment", environment)
    yield environment
    environment.close()


@pytest.fixture
def handle(environment: Environment) -> Handle:
    """Return the real handler, with a context."""

    def handled(event: Any, remaining_ms: int = 30_000) -> dict[str, Any]:
        return handlers.message.handler(event, Context(remaining_ms))

    return handled


def rows(database: Path) -> int:
    """Count the rows that messages create, in every table."""
    tables = ("memories", "runs", "rooms", "worlds", "entities", "participants", "agents", "logs")
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return sum(connection.execute(f"SELECT count(*) FROM {table}").get for table in tables)  # noqa: S608 - fixed names
    finally:
        connection.close()


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_message_returns_an_answer_and_its_ids(handle: Handle, database: Path) -> None:
    result = handle({"text": "Hello", "room_id": ROOM})
    assert result["text"] == "You said: Hello"
    assert (result["mode"], result["did_respond"], result["replayed"]) == ("simple", True, False)
    assert result["room_id"] == ROOM
    assert result["responses"][0]["actions"] == ["REPLY"]
    assert rows(database) > 0
    json.dumps(result)


def test_the_second_event_continues_the_conversation(handle: Handle, model_server: ScriptedModelServer) -> None:
    handle({"text": "One", "room_id": ROOM})
    handle({"text": "Two", "room_id": ROOM})
    assert [each["content"] for each in model_server.chats[-1]["messages"][1:]] == ["One", "You said: One", "Two"]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"text": ""}, "says nothing"),
        ({"text": " \n\t"}, "says nothing"),
        ({}, "give either text or content"),
        ({"text": "a", "content": {"text": "b"}}, "give either text or content"),
        ({"text": "x" * 2**20}, "text has 1,048,576 bytes, over the limit of 65,536 (MESSAGE_LIMIT_BYTES)"),
        ({"text": "é" * 40_000}, "text has 80,000 bytes"),
        ({"content": {"text": "a", "data": {"b": "x" * 70_000}}}, "the message without its text has"),
        ({"text": 7}, "text: input should be a valid string, got 7"),
        ({"text": ["a"]}, "text: input should be a valid string, got a list"),
        ({"text": "a", "room_id": 5}, "room_id: "),
        ({"text": "a", "room_id": "kitchen"}, "room_id: input should be a valid UUID"),
        ({"text": "a", "id": "not-a-uuid"}, "id: input should be a valid UUID"),
        ({"text": "a", "entity": {"id": "x"}}, "entity.id: input should be a valid UUID"),
        ({"text": "a", "entity": {"name": "Bo"}}, "entity.id: is required"),
        ({"text": "a", "roomId": ROOM}, "roomId: is not a known field"),
        ({"content": {"text": "a", "shout": True}}, "content.shout: is not a known field"),
        ({"content": {"text": "a", "attachments": [{"title": "b"}]}}, "content.attachments[0].url: is required"),
        ({"content": {"text": "a", "data": deep(40)}}, "nested deeper than 32 levels"),
        ({"text": "a\x00b"}, "text: holds a NUL character"),
        ({"text": "a\ud800"}, "text: holds half of a surrogate pair"),
        ([{"text": "a"}], "expected a JSON object with the message, got a list"),
        (None, "expected a JSON object with the message, got a null"),
        ("text", "the body is not JSON"),
        ({"text": "a", "agent": "Nobody"}, "no agent 'Nobody' runs here; known: Potter, Weaver"),
    ],
    ids=lambda value: None if isinstance(value, str) else "event",
)
def test_bad_input_is_named_and_no_row_is_written(
    handle: Handle, database: Path, model_server: ScriptedModelServer, event: Any, says: str
) -> None:
    error = handle(event)["error"]
    assert says in error["message"]
    assert error["retryable"] is False
    assert model_server.request_count == 0
    assert rows(database) == 0


def test_a_message_in_another_agents_room_is_refused(handle: Handle, database: Path) -> None:
    handle({"text": "Hello", "room_id": ROOM, "agent": "Potter"})
    before = rows(database)
    error = handle({"text": "Hello", "room_id": ROOM, "agent": "Weaver"})["error"]
    assert error["code"] == "room-of-another-agent"
    assert "belongs to agent 'Potter'" in error["message"]
    assert rows(database) == before


def test_an_invalid_setting_is_an_error_result_that_names_it(handle: Handle, variables: dict[str, str]) -> None:
    variables["MODEL_TIMEOUT_S"] = "soon"
    error = handle({"text": "Hello"})["error"]
    assert error["code"] == "invalid-settings"
    assert error["message"].startswith("MODEL_TIMEOUT_S is 'soon'")


def test_on_lambda_a_missing_key_is_an_error_that_names_the_setting(handle: Handle, variables: dict[str, str]) -> None:
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "mayfly"}
    del variables["OPENAI_API_KEY"], variables["OPENAI_BASE_URL"]
    error = handle({"text": "Hello"})["error"]
    assert error["message"].startswith("OPENAI_API_KEY is not set")


@pytest.mark.spec("C6")
def test_in_sam_locals_container_the_local_provider_answers_without_a_key(
    handle: Handle, variables: dict[str, str]
) -> None:
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "mayfly", "AWS_SAM_LOCAL": "true"}
    del variables["OPENAI_API_KEY"], variables["OPENAI_BASE_URL"]
    assert handle({"text": "Hello, my name is Mira."})["did_respond"] is True


def test_in_sam_locals_container_a_database_has_to_be_named(handle: Handle, variables: dict[str, str]) -> None:
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "mayfly", "AWS_SAM_LOCAL": "true"}
    del variables["DATABASE_URL"]
    assert handle({"text": "Hello"})["error"]["message"].startswith("DATABASE_URL is not set")


def test_on_lambda_a_database_has_to_be_named(handle: Handle, variables: dict[str, str]) -> None:
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "mayfly"}
    del variables["DATABASE_URL"]
    assert handle({"text": "Hello"})["error"]["message"].startswith("DATABASE_URL is not set")


def test_a_failure_that_may_pass_fails_the_invocation_and_the_next_event_is_answered(
    handle: Handle, model_server: ScriptedModelServer
) -> None:
    model_server.script(failure(503))
    with pytest.raises(ModelUnavailable):
        handle({"text": "Hello"})
    assert handle({"text": "Hello again"})["text"] == "You said: Hello again"


def test_a_model_that_answers_too_late_ends_in_time_to_free_the_claim(
    handle: Handle, model_server: ScriptedModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    model_server.script(held(Reply(text="Never heard."), gate))
    with pytest.raises(ModelTimeout):
        handle({"text": "Hello", "room_id": ROOM}, remaining_ms=400)
    gate.open()
    assert "claim not freed" not in caplog.text
    assert handle({"text": "Still there?", "room_id": ROOM})["text"] == "You said: Still there?"


def test_a_cancelled_event_is_converted_and_its_tasks_end_with_it(handle: Handle, environment: Environment) -> None:
    ended: list[str] = []

    async def left_behind() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("left behind")

    async def cancelled(_: Any) -> None:
        asyncio.get_running_loop().create_task(left_behind(), name="left-behind")
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    with pytest.raises(DeadlineExceeded):
        environment.run(cancelled, Context())
    assert ended == ["left behind"]
    assert handle({"text": "Hello"})["did_respond"]


@pytest.mark.parametrize(("remaining_s", "usable"), [(30.0, 29.0), (3.0, 2.7), (0.0, 0.0)])
def test_a_second_or_a_tenth_of_every_event_is_reserved(remaining_s: float, usable: float) -> None:
    assert usable_s(remaining_s) == pytest.approx(usable)


def test_importing_the_handler_loads_nothing_the_first_answer_does_not_need() -> None:
    unwanted = ["openai", "boto3", "botocore", "fastapi", "aws_xray_sdk", "rich", "uvicorn", "apsw"]
    unwanted += ["click", "wordllama", "numpy", "starlette", "mangum"]
    program = f"import sys, handlers.message; print([each for each in {unwanted!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
