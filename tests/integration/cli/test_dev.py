"""`mayfly dev` on a real server and socket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.integration.cli.terminal import COMMAND, TIMEOUT_S, environment, mayfly

ROOT = str(Path(__file__).parents[3])
ECHO = {"AGENTS": "tests.component.http.echo:AGENTS", "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server; yield its process and address."""
    process = subprocess.Popen(
        [*COMMAND, "dev", "--port", "0"],
        cwd=tmp_path,
        env=environment(**ECHO),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", greeting)
    assert found, greeting
    yield process, found[0]
    if process.poll() is None:
        process.kill()
    process.communicate()


async def test_it_serves_answers_streams_and_problems(server: tuple[subprocess.Popen[str], str]) -> None:
    async with httpx2.AsyncClient(base_url=server[1], timeout=TIMEOUT_S) as client:
        answer = await client.post("/v1/messages", json={"text": "Hello"})
        assert (answer.status_code, answer.json()["text"]) == (200, "You said Hello")

        stream = {"Accept": "text/event-stream"}
        async with client.stream("POST", "/v1/messages", json={"text": "Hi"}, headers=stream) as response:
            lines = [line async for line in response.aiter_lines() if line.startswith("event: ")]
        assert lines == ["event: chunk", "event: chunk", "event: message", "event: done"]

        page = (await client.get(f"/v1/rooms/{answer.json()['room_id']}/messages")).json()
        assert [each["text"] for each in page["messages"]] == ["You said Hi", "Hi", "You said Hello", "Hello"]

        assert (await client.get("/health/ready")).json()["status"] == "ready"
        head = await client.head("/health")
        assert (head.status_code, head.content) == (200, b"")
        assert (await client.get("/nowhere")).headers["content-type"] == "application/problem+json"


async def test_a_message_that_is_accepted_is_answered_in_the_background(
    server: tuple[subprocess.Popen[str], str],
) -> None:
    async with httpx2.AsyncClient(base_url=server[1], timeout=TIMEOUT_S) as client, asyncio.timeout(TIMEOUT_S):
        accepted = await client.post("/v1/messages", json={"text": "Later"}, headers={"Prefer": "respond-async"})
        assert accepted.status_code == 202
        while (run := (await client.get(accepted.headers["location"])).json())["status"] != "completed":
            assert run["status"] in {"queued", "running"}
        assert run["result"]["text"] == "You said Later"


def test_gateway_mode_warns_that_no_gateway_verifies_callers(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "dev", "--port", "0"],
        cwd=tmp_path,
        env=environment(**ECHO, AUTH_MODE="gateway"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        answer = httpx2.post(f"{found[0]}/v1/messages", json={"text": "Hello"}, timeout=TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert answer.status_code == 401
    assert "AUTH_MODE is gateway" in said


async def test_a_body_over_the_limit_is_rejected_and_the_server_continues(
    server: tuple[subprocess.Popen[str], str],
) -> None:
    async with httpx2.AsyncClient(base_url=server[1], timeout=TIMEOUT_S) as client:
        refused = await client.post("/v1/messages", json={"text": "a" * 1024 * 1024})
        assert refused.status_code == 413
        assert (await client.post("/v1/messages", json={"text": "Hello"})).status_code == 200


def test_a_caller_who_hangs_up_within_a_body_does_no_harm(server: tuple[subprocess.Popen[str], str]) -> None:
    host, port = server[1].removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=TIMEOUT_S)) as connection:
        connection.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
    assert httpx2.get(f"{server[1]}/health", timeout=TIMEOUT_S).status_code == 200


def test_ctrl_c_stops_it_politely(server: tuple[subprocess.Popen[str], str]) -> None:
    process, address = server
    assert httpx2.get(f"{address}/health", timeout=TIMEOUT_S).status_code == 200
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert stdout.endswith("Stopped.\n")
    assert "Traceback" not in stderr


def test_the_curl_line_it_prints_works(server: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = server
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("  curl ")
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=TIMEOUT_S, env=os.environ, check=True
    )
    assert json.loads(done.stdout)["text"] == "You said Hello"


def test_a_port_in_use_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        done = mayfly("dev", folder=tmp_path, API_PORT=str(taken.getsockname()[1]), **ECHO)
    assert done.returncode == 1
    assert "Error: cannot listen on 127.0.0.1:" in done.stderr
    assert "API_PORT" in done.stderr


def test_agents_that_cannot_be_loaded_are_an_error_and_no_traceback(tmp_path: Path) -> None:
    done = mayfly("dev", "--port", "0", folder=tmp_path, **{**ECHO, "AGENTS": "nowhere:AGENTS"})
    assert done.returncode == 1
    assert "Error: AGENTS is 'nowhere:AGENTS'" in done.stderr
    assert "Traceback" not in done.stderr
