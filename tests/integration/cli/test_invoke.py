"""`mayfly invoke`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.cli.terminal import mayfly

EVENTS = Path(__file__).parents[3] / "events"
ECHO = {"AGENTS": "tests.component.http.echo:AGENTS", "PYTHONPATH": str(Path(__file__).parents[3])}


def test_an_event_goes_through_the_real_handler_and_the_conversation_grows(tmp_path: Path) -> None:
    first = mayfly("invoke", str(EVENTS / "message.json"), folder=tmp_path, **ECHO)
    second = mayfly("invoke", str(EVENTS / "message.json"), folder=tmp_path, **ECHO)
    assert (first.returncode, second.returncode) == (0, 0)
    said = json.loads((EVENTS / "message.json").read_text())["text"]
    results = [json.loads(first.stdout), json.loads(second.stdout)]
    assert [result["text"] for result in results] == [f"You said {said}"] * 2
    assert results[0]["room_id"] == results[1]["room_id"]
    assert results[0]["message_id"] != results[1]["message_id"]
    assert "turn finished" in first.stderr
    assert (tmp_path / ".data" / "mayfly.db").exists()


def test_a_named_message_is_answered_once(tmp_path: Path) -> None:
    runs = [mayfly("invoke", str(EVENTS / "message_named.json"), folder=tmp_path, **ECHO) for _ in range(2)]
    assert [json.loads(run.stdout)["replayed"] for run in runs] == [False, True]


@pytest.mark.parametrize("name", ["rest_api", "http_api"])
def test_the_sample_events_of_http_are_answered(tmp_path: Path, name: str) -> None:
    done = mayfly("invoke", str(EVENTS / f"{name}.json"), "--handler", "handlers.api:handler", folder=tmp_path, **ECHO)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statusCode"] == 200


def test_stdin_is_an_event_too(tmp_path: Path) -> None:
    done = mayfly("invoke", "-", folder=tmp_path, stdin='{"text": "Grüße 🪰"}', **ECHO)
    assert json.loads(done.stdout)["text"] == "You said Grüße 🪰"
    assert "Grüße 🪰" in done.stdout


def test_an_answer_that_is_an_error_is_exit_code_1_with_its_text(tmp_path: Path) -> None:
    done = mayfly("invoke", "-", folder=tmp_path, stdin='{"text": ""}', **ECHO)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "invalid-input"
    assert "Error: " in done.stderr
    assert "says nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_schema_that_is_missing_is_an_error_with_the_command_to_run(
    tmp_path: Path, unmigrated_postgres_url: str
) -> None:
    done = mayfly("invoke", "-", folder=tmp_path, stdin='{"text": "a"}', DATABASE_URL=unmigrated_postgres_url, **ECHO)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "schema-out-of-date"
    assert "mayfly migrate" in done.stderr


def test_what_is_set_up_wrong_is_told_once(tmp_path: Path) -> None:
    done = mayfly("invoke", str(EVENTS / "message.json"), folder=tmp_path, **ECHO, DATABASE_URL="mysql://db")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "invalid-settings"
    assert [line.partition(": set ")[0] for line in done.stderr.splitlines()][:-1] == [
        "Error: DATABASE_URL starts with 'mysql://'"
    ]


def test_what_an_answer_over_http_leaves_out_stands_in_the_log(tmp_path: Path) -> None:
    event = str(EVENTS / "rest_api.json")
    done = mayfly(
        "invoke", event, "--handler", "handlers.api:handler", folder=tmp_path, **ECHO, DATABASE_URL="mysql://db"
    )
    assert done.returncode == 1
    assert "ERROR deployment cannot start: DATABASE_URL starts with 'mysql://'" in done.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"caf\xe9"])
def test_a_file_that_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "event.json").write_bytes(content)
    done = mayfly("invoke", "event.json", folder=tmp_path, **ECHO)
    assert done.returncode == 1
    assert "Error: event.json is not JSON" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = mayfly("invoke", "nowhere.json", folder=tmp_path)
    assert done.returncode == 2
    assert "nowhere.json" in done.stderr


@pytest.mark.parametrize(
    "name", ["handlers.nowhere:handler", "handlers.message:nothing", "handler", "handlers.message:log"]
)
def test_a_handler_that_is_not_there_is_a_usage_error(tmp_path: Path, name: str) -> None:
    done = mayfly("invoke", "-", "--handler", name, folder=tmp_path, stdin="{}", **ECHO)
    assert done.returncode == 2
    assert "--handler" in done.stderr


def test_the_folder_it_is_called_in_is_where_handlers_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def handler(event, context):\n"
        "    left = context.get_remaining_time_in_millis()\n"
        "    return {'event': event, 'enough': 0 < left <= 5000, 'name': context.function_name}\n"
    )
    done = mayfly("invoke", "-", "--handler", "mine:handler", "--timeout", "5", folder=tmp_path, stdin="[1]")
    result = json.loads(done.stdout)
    assert result == {"event": [1], "enough": True, "name": "mine"}


def test_a_result_that_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def handler(event, context):\n    return {1, 2}\n")
    done = mayfly("invoke", "-", "--handler", "mine:handler", folder=tmp_path, stdin="{}")
    assert done.returncode == 1
    assert "Error: the handler's result cannot be written as JSON" in done.stderr
