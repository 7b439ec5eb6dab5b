"""The handlers under Lambda's own runtime client and emulator: cold and warm, killed, broken, set up wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.runtime_emulator import RuntimeEmulator, emulated
from tests.model_answers import failure
from tests.model_server import ScriptedModelServer

UNRULY = "tests.integration.unruly_handler.handler"


@pytest.fixture
def variables(postgres_url: str, model_server: ScriptedModelServer) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "MODEL_MAX_RETRIES": "0",
        "AGENTS": "tests.integration.agents:AGENTS",
    }


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


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL"),
        ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, "OPENAI_API_KEY"),
        ({"API_PORT": "many"}, "API_PORT"),
        ({"AGENTS": "handlers.nobody:AGENTS"}, "AGENTS"),
        ({"DATABASE_URL": "", "DATABASE_SECRET_ARN": "postgresql://host/name"}, "DATABASE_SECRET_ARN"),
    ],
)
def test_a_wrong_setting_is_one_line_and_a_result_that_names_it(
    variables: dict[str, str], change: dict[str, str], name: str, tmp_path: Path
) -> None:
    with emulated("handlers.message.handler", {**variables, **change}, tmp_path / "log") as function:
        answer = function.invoke({"text": "Hello"})
        assert name in answer["error"]["message"]
        assert answer["error"]["code"] == "invalid-settings"
        assert len(function.lines(name)) == 1
        assert function.lines("Traceback") == []
