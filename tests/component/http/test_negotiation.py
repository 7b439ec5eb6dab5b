"""Content negotiation by the Accept header."""

from __future__ import annotations

import httpx2
import pytest

JSON, STREAM = "application/json", "text/event-stream"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("text/event-stream", STREAM),
        ("TEXT/event-stream; charset=utf-8", STREAM),
        ("text/*", STREAM),
        ("text/event-stream, */*", STREAM),
        ("text/event-stream, application/json", STREAM),
        ("application/json, text/event-stream", JSON),
        ("application/json;q=0.5, text/event-stream;q=0.6", STREAM),
        ("application/json, text/event-stream;q=0.9", JSON),
        ("text/event-stream;q=0, */*", JSON),
    ],
)
async def test_the_accept_header_chooses(client: httpx2.AsyncClient, accept: str | None, chosen: str) -> None:
    client.headers.pop("accept", None)
    headers = {} if accept is None else {"Accept": accept}
    response = await client.post("/v1/messages", json={"text": "a"}, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == chosen


@pytest.mark.parametrize("accept", ["text/html", "application/xml, image/*", "application/json;q=0", "*/*;q=x", ";"])
async def test_an_unsupported_media_type_is_not_acceptable(client: httpx2.AsyncClient, accept: str) -> None:
    response = await client.post("/v1/messages", json={"text": "a"}, headers={"Accept": accept})
    assert response.status_code == 406
    assert response.json()["type"] == "urn:mayfly:problem:not-acceptable"


async def test_only_messages_come_as_a_stream(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/v1/agents", headers={"Accept": STREAM})).status_code == 406
