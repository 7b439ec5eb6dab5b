"""What a function tells on Lambda: one line and one metric document for each turn, and a trace when it is sampled."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.runtime_emulator import RuntimeEmulator, emulated
from tests.model_server import ScriptedModelServer

SECRET_WORDS = "the safe opens with 4711"
ROOM = str(uuid4())
UNRULY = "tests.integration.unruly_handler.handler"


@pytest.fixture
def variables(postgres_url: str, model_server: ScriptedModelServer) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "AGENTS": "tests.integration.agents:AGENTS",
        "POWERTOOLS_SERVICE_NAME": "mayfly-test",
    }


@pytest.fixture
def function(variables: dict[str, str], tmp_path: Path) -> Iterator[RuntimeEmulator]:
    with emulated("handlers.message.handler", variables, tmp_path / "log") as function:
        yield function


def documents(function: RuntimeEmulator, text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in function.lines(text) if line.startswith("{")]


def test_each_turn_is_one_line_that_tells_its_whole_story(function: RuntimeEmulator) -> None:
    answers = [function.invoke({"text": text, "room_id": ROOM}) for text in ("One", "Two")]
    cold, warm = documents(function, '"turn finished"')
    assert (cold["faas.coldstart"], warm["faas.coldstart"]) == (True, False)
    assert [each["run_id"] for each in (cold, warm)] == [each["run_id"] for each in answers]
    assert cold["gen_ai.conversation.id"] == ROOM
    assert cold["gen_ai.agent.id"] == answers[0]["agent_id"]
    assert cold["gen_ai.usage.input_tokens"] == answers[0]["usage"]["input_tokens"]
    assert cold["gen_ai.request.model"]
    assert cold["service"] == "mayfly-test"
    assert cold["faas.invocation_id"] != warm["faas.invocation_id"]
    assert {"outcome", "model_calls", "begin_ms", "answer_ms", "finish_ms", "duration_ms", "model_ms"} <= set(cold)


def test_each_turn_writes_its_metrics_once(function: RuntimeEmulator) -> None:
    answer = function.invoke({"text": "One"})
    function.invoke({"text": "Two"})
    cold, warm = documents(function, "CloudWatchMetrics")
    directive = cold["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "Mayfly"
    assert directive["Dimensions"] == [["service"]]
    assert cold["ColdStart"] == [1.0]
    assert warm["ColdStart"] == [0.0]
    assert cold["InitMs"][0] > 0
    assert "InitMs" not in warm
    assert cold["TokensOut"] == [answer["usage"]["output_tokens"]]
    assert cold["TurnMs"][0] >= cold["ModelMs"][0] + cold["DbMs"][0]


def test_neither_words_nor_keys_are_written(function: RuntimeEmulator) -> None:
    answer = function.invoke({"text": SECRET_WORDS})
    assert answer["text"] == f"You said: {SECRET_WORDS}"
    assert function.lines('"turn finished"')
    assert function.lines("4711") == []
    assert function.lines("sk-test-1234") == []


def test_a_sampled_turn_is_traced_with_its_phases(variables: dict[str, str], tmp_path: Path) -> None:
    trace, parent = "1-5f84c7a1-1234567890abcdef12345678", "1234567890abcdef"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(30)
        traced = {**variables, "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}"}
        header = f"Root={trace};Parent={parent};Sampled=1"
        with emulated(UNRULY, traced, tmp_path / "log") as function:
            answer = function.invoke({"text": SECRET_WORDS, "trace": header})
            packets = [daemon.recv(65_536).decode() for _ in range(5)]
    *phases, turn = [json.loads(packet.partition("\n")[2]) for packet in packets]
    assert [each["name"] for each in (*phases, turn)] == ["begin", "state", "answer", "finish", "turn"]
    assert {each["trace_id"] for each in (*phases, turn)} == {trace}
    assert {each["parent_id"] for each in phases} == {turn["id"]}
    assert turn["parent_id"] == parent
    assert turn["annotations"]["run_id"] == answer["run_id"]
    assert all(each["start_time"] <= each["end_time"] <= turn["end_time"] for each in phases)
    assert "4711" not in "".join(packets)


def test_a_turn_that_is_not_sampled_leaves_no_trace(variables: dict[str, str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        traced = {**variables, "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}"}
        with emulated(UNRULY, traced, tmp_path / "log") as function:
            function.invoke({"text": "One", "trace": "Root=1-5f84c7a1-1234567890abcdef12345678;Sampled=0"})
            assert function.lines('"turn finished"')
        with pytest.raises(BlockingIOError):
            daemon.recv(65_536)
