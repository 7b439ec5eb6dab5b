"""`POST /v1/messages` with `Accept: text/event-stream`."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from runtime_core.errors import ModelUnavailable, TurnInProgress
from runtime_core.http import Application
from tests.unit.http.deployment_double import DoubleDeployment

STREAM = {"Accept": "text/event-stream"}


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_the_answer_comes_piece_by_piece_and_then_whole(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello\nyou"}, headers=STREAM)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *parts, (last, result) = events(response.text)
    assert parts == [
        ("chunk", {"text": "You "}),
        ("chunk", {"text": "said "}),
        ("message", {"text": "You said Hello\nyou", "actions": [], "attachments": []}),
    ]
    assert last == "done"
    assert result["text"] == "You said Hello\nyou"


async def test_a_replay_is_one_event_marked_as_replay(client: httpx2.AsyncClient) -> None:
    headers = {**STREAM, "Idempotency-Key": "once"}
    await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    assert response.headers["idempotent-replayed"] == "true"
    assert [name for name, _ in events(response.text)] == ["done"]


async def test_an_error_before_the_first_event_is_an_ordinary_problem(
    client: httpx2.AsyncClient, deployment: DoubleDeployment
) -> None:
    deployment.failure = TurnInProgress("another invocation answers this message", retry_after_s=2.4)
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers=STREAM)
    assert response.status_code == 409
    assert response.headers["retry-after"] == "3"
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_error_after_the_first_event_ends_the_stream_with_a_problem(
    client: httpx2.AsyncClient, deployment: DoubleDeployment
) -> None:
    deployment.failure = ModelUnavailable("connection reset by 10.0.0.7")
    deployment.fail_after_deltas = True
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers=STREAM)
    assert response.status_code == 200
    last, problem = events(response.text)[-1]
    assert last == "error"
    assert problem["type"] == "urn:mayfly:problem:model-unavailable"
    assert problem["instance"].endswith(response.headers["x-request-id"])
    assert "10.0.0.7" not in response.text


async def test_the_turn_goes_on_when_the_caller_hangs_up(app: Application, deployment: DoubleDeployment) -> None:
    body = [{"type": "http.request", "body": b'{"text": "Hello"}', "more_body": False}]
    sent: list[str] = []

    async def receive() -> Any:
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            raise OSError("the socket is closed")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"accept", b"text/event-stream")],
    }
    await app(scope, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert [memory.content.text for memory in deployment.stored] == ["Hello", "You said Hello"]
