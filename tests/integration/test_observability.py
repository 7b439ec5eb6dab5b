"""Observability on Lambda: a log line and a metric document per turn, sampled traces."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.embedding_job import EmbeddingJob, content_hash
from runtime_core.domain.ids import string_to_uuid
from runtime_core.testing import Scene
from tests.emf import metrics_in
from tests.integration.runtime_emulator import ROOT, RuntimeEmulator, emulated
from tests.model_answers import Gate, Reply, embeddings, failure, held
from tests.model_server import EMBEDDINGS, ScriptedModelServer

SECRET = "opensesame"  # no digits and letters of a UUID: a request id must not look like it
SECRET_WORDS = f"the safe opens with {SECRET}"
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


def test_the_line_counts_what_was_asked_of_the_database(function: RuntimeEmulator) -> None:
    for text in ("One", "Two"):
        function.invoke({"text": text, "room_id": ROOM})
    cold, warm = documents(function, '"turn finished"')
    assert (cold["round_trips"], warm["round_trips"]) == (4, 2)  # the first execution of a statement prepares it
    assert 0 < warm["db_ms"] < warm["duration_ms"]


def test_a_replay_is_told_as_one(function: RuntimeEmulator) -> None:
    message = {"id": str(uuid4()), "text": "Once", "room_id": ROOM}
    first, again = function.invoke(message), function.invoke(message)
    _, line = documents(function, '"turn finished"')
    _, measured = (metrics_in(each) for each in documents(function, "CloudWatchMetrics"))
    assert again["run_id"] == first["run_id"] == line["run_id"]
    assert (line["outcome"], line["model_calls"], line["gen_ai.usage.output_tokens"]) == ("replay", 0, 0)
    assert line["gen_ai.conversation.id"] == ROOM
    assert (measured["Replay"], measured["TokensOut"], measured["DeadlineHit"]) == ([1], [0], [0])


def test_a_turn_that_failed_is_told_with_the_reason(
    function: RuntimeEmulator, model_server: ScriptedModelServer
) -> None:
    model_server.script(failure(401, message=SECRET_WORDS))
    answer = function.invoke({"text": SECRET_WORDS})
    (line,) = documents(function, '"turn finished"')
    (measured,) = (metrics_in(each) for each in documents(function, "CloudWatchMetrics"))
    assert (line["outcome"], line["error_code"]) == ("failed", answer["error"]["code"])
    assert (line["timed_out"], line["round_trips"]) == (False, 4)
    assert measured["DeadlineHit"] == [0]
    assert function.lines(SECRET) == []


def test_a_turn_whose_time_ran_out_hits_the_deadline(
    variables: dict[str, str], model_server: ScriptedModelServer, tmp_path: Path
) -> None:
    gate = Gate()
    model_server.script(held(Reply(text="too late"), gate))
    with emulated("handlers.message.handler", variables, tmp_path / "log", timeout_s=2) as function:
        function.invoke({"text": "Hello"})
        gate.open()
        (line,) = documents(function, '"turn finished"')
        (measured,) = (metrics_in(each) for each in documents(function, "CloudWatchMetrics"))
    assert (line["outcome"], line["timed_out"]) == ("failed", True)
    assert measured["DeadlineHit"] == [1]


def test_each_turn_writes_its_metrics_once(function: RuntimeEmulator) -> None:
    answer = function.invoke({"text": "One"})
    function.invoke({"text": "Two"})
    documented = documents(function, "CloudWatchMetrics")
    directive = documented[0]["_aws"]["CloudWatchMetrics"][0]
    cold, warm = (metrics_in(each) for each in documented)
    always = {"ColdStart", "TurnMs", "ModelMs", "DbMs", "TokensIn", "TokensOut", "DeadlineHit", "Replay"}
    assert (set(cold), set(warm)) == (always | {"InitMs"}, always)
    assert (directive["Namespace"], directive["Dimensions"]) == ("Mayfly", [["service"]])
    assert (cold["ColdStart"], warm["ColdStart"]) == ([1], [0])
    assert cold["InitMs"][0] > 0
    assert cold["TokensOut"] == [answer["usage"]["output_tokens"]]
    assert cold["TokensIn"] == [answer["usage"]["input_tokens"]]
    assert cold["TurnMs"][0] >= cold["ModelMs"][0] + cold["DbMs"][0]


def test_metrics_are_written_at_every_log_level(variables: dict[str, str], tmp_path: Path) -> None:
    with emulated("handlers.message.handler", {**variables, "LOG_LEVEL": "ERROR"}, tmp_path / "log") as function:
        function.invoke({"text": "One"})
        (document,) = documents(function, "CloudWatchMetrics")
        assert metrics_in(document)["TurnMs"][0] > 0
        assert function.lines('"turn finished"') == []


async def test_a_drained_queue_tells_how_long_its_oldest_memory_waited(
    variables: dict[str, str], postgres: PostgresAdapter, model_server: ScriptedModelServer, tmp_path: Path
) -> None:
    agent_id = string_to_uuid("Potter")
    kept = await postgres.memories.create(
        agent_id, [Scene(agent_id=agent_id).memory(SECRET_WORDS)], embedding_priority="high"
    )
    jobs = [EmbeddingJob(agent_id=agent_id, memory_id=each.id, content_hash=content_hash("")) for each in kept]
    records = [{"messageId": str(each.memory_id), "body": each.body()} for each in jobs]
    model_server.answer_with(embeddings(8), path=EMBEDDINGS)
    with emulated("handlers.embed.handler", {**variables, "EMBEDDING_DIMENSION": "8"}, tmp_path / "log") as function:
        answer = await asyncio.to_thread(function.invoke, {"Records": records})
        again = await asyncio.to_thread(function.invoke, {"Records": records})
        (document,) = documents(function, "CloudWatchMetrics")
        first, second = documents(function, '"embedding done"')
        assert function.lines(SECRET) == []
    assert answer == again == {"batchItemFailures": []}
    assert metrics_in(document) == {"EmbedLagMs": [first["embed_lag_ms"]]}
    assert first["embed_lag_ms"] > 0
    assert (first["embedded"], second["embedded"], "embed_lag_ms" in second) == (1, 0, False)


def test_neither_words_nor_keys_are_written(function: RuntimeEmulator) -> None:
    answer = function.invoke({"text": SECRET_WORDS})
    assert answer["text"] == f"You said: {SECRET_WORDS}"
    assert function.lines('"turn finished"')
    assert function.lines(SECRET) == []
    assert function.lines("sk-test-1234") == []


def over_http(body: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / "http_api.json").read_text())
    return {**event, "body": json.dumps(body), "isBase64Encoded": False}


def queued(body: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"messageId": "one", "body": json.dumps(body), "attributes": {"MessageGroupId": "room"}}]}


@pytest.mark.parametrize(
    "body",
    [{"text": SECRET_WORDS}, {"text": [SECRET_WORDS]}, {"content": SECRET_WORDS}],
    ids=["a message", "a list", "no content"],
)
@pytest.mark.parametrize("handler", ["message", "api", "inbox"])
def test_no_handler_writes_what_it_was_told(
    variables: dict[str, str], handler: str, body: dict[str, Any], tmp_path: Path
) -> None:
    event = {"message": lambda given: given, "api": over_http, "inbox": queued}[handler](body)
    with emulated(f"handlers.{handler}.handler", variables, tmp_path / "log") as function:
        function.invoke(event)
        assert function.lines(SECRET) == []
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
    assert answer["traces"] is True
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
            answer = function.invoke({"text": "One", "trace": "Root=1-5f84c7a1-1234567890abcdef12345678;Sampled=0"})
            assert answer["traces"] is False
            assert function.lines('"turn finished"')
        with pytest.raises(BlockingIOError):
            daemon.recv(65_536)
