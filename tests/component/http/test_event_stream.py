"""`POST /v1/messages` with `Accept: text/event-stream`."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from runtime_core.http import Application
from tests.component.http.conftest import Stored
from tests.component.http.echo import FOREIGN

STREAM = {"Accept": "text/event-stream"}


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_the_answer_is_streamed_in_chunks_and_then_sent_whole(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello\nyou"}, headers=STREAM)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *parts, (last, result) = events(response.text)
    assert parts == [
        ("chunk", {"text": "You "}),
        ("chunk", {"text": "said "}),
        ("message", {"text": "You said Hello\nyou", "actions": ["REPLY"], "attachments": []}),
    ]
    assert last == "done"
    assert result["text"] == "You said Hello\nyou"


async def test_a_replay_has_no_chunks_and_is_marked_as_replayed(client: httpx2.AsyncClient) -> None:
    headers = {**STREAM, "Idempotency-Key": "once"}
    await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    found = events(response.text)
    assert [name for name, _ in found] == ["message", "done"]
    assert found[-1][1]["replayed"] is True


async def test_an_error_before_the_first_event_is_an_ordinary_problem(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "fail at once"}, headers=STREAM)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == "application/problem+json"
    assert FOREIGN not in response.text


@pytest.mark.parametrize(("text", "code"), [("fail later", "model-unavailable"), ("break", "model-error")])
async def test_an_error_after_the_first_event_ends_the_stream_with_a_problem(
    client: httpx2.AsyncClient, text: str, code: str
) -> None:
    response = await client.post("/v1/messages", json={"text": text}, headers=STREAM)
    assert response.status_code == 200
    last, problem = events(response.text)[-1]
    assert last == "error"
    assert problem["type"] == f"urn:mayfly:problem:{code}"
    assert problem["instance"].endswith(response.headers["x-request-id"])
    assert FOREIGN not in response.text


async def test_the_turn_continues_after_the_client_disconnects(app: Application, stored: Stored) -> None:
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
    assert await stored() == 2
