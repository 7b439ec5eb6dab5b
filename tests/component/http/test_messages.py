"""`POST /v1/messages`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx2
import pytest

from runtime_core.domain.ids import string_to_uuid
from tests.component.http.conftest import Stored

KEY = "6b1c9d7e-8f0a-4b3c-9d2e-1f0a2b3c4d5e"


async def test_a_message_is_answered(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    result = response.json()
    assert result["text"] == "You said Hello"
    assert result["replayed"] is False
    assert "idempotent-replayed" not in response.headers


async def test_non_ascii_text_is_returned_unchanged(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Ça va, Zoë? 你好 🪰"})
    assert response.json()["text"] == "You said Ça va, Zoë? 你好 🪰"


async def test_an_idempotency_key_that_is_a_uuid_names_the_message(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers={"Idempotency-Key": KEY})
    assert response.json()["message_id"] == KEY


@pytest.mark.parametrize("key", ["order 17", '"order 17"'])
async def test_another_idempotency_key_names_the_message_by_its_stable_uuid(
    client: httpx2.AsyncClient, key: str
) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers={"Idempotency-Key": key})
    assert UUID(response.json()["message_id"]) == string_to_uuid("order 17")


async def test_a_repeated_key_returns_the_stored_answer_marked_as_replayed(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    second = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json() == {**first.json(), "replayed": True}


async def test_the_same_key_with_another_body_is_refused(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    response = await client.post("/v1/messages", json={"text": "Goodbye"}, headers=headers)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:mayfly:problem:message-conflict"


async def test_a_key_and_an_id_may_agree(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "Hello", "id": KEY}, headers={"Idempotency-Key": KEY})
    assert response.status_code == 200


async def test_a_key_and_an_id_that_differ_are_refused(client: httpx2.AsyncClient, stored: Stored) -> None:
    body = {"text": "Hello", "id": str(uuid4())}
    response = await client.post("/v1/messages", json=body, headers={"Idempotency-Key": KEY})
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "parameter": "Idempotency-Key",
            "in": "header",
            "detail": "Idempotency-Key: names another message than the body's id",
        }
    ]
    assert await stored() == 0


@pytest.mark.parametrize("keys", [[""], ["a" * 256], ["caf\u00e9"], ["one", "two"]])
async def test_a_key_that_cannot_name_a_message_is_refused(client: httpx2.AsyncClient, keys: list[str]) -> None:
    headers = [(b"idempotency-key", key.encode()) for key in keys]
    response = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["in"] == "header"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#"]),
        ({"text": ""}, ["#"]),
        ({"text": "   "}, ["#"]),
        ({"text": "a", "content": {"text": "b"}}, ["#"]),
        ({"text": 5}, ["#/text"]),
        ({"text": "a", "txet": "b"}, ["#/txet"]),
        ({"text": "a", "room_id": "nowhere"}, ["#/room_id"]),
        ({"text": "a", "entity": {"id": "me", "age": 4}}, ["#/entity/id", "#/entity/age"]),
        ({"content": {"text": "a", "attachments": [{"title": "b"}]}}, ["#/content/attachments/0/url"]),
        ({"text": "a\x00b"}, ["#/text"]),
        ({"text": "a", "a/b~c": 1}, ["#/a~1b~0c"]),
    ],
)
async def test_an_invalid_field_has_a_pointer_and_nothing_is_stored(
    client: httpx2.AsyncClient, stored: Stored, body: object, pointers: list[str]
) -> None:
    response = await client.post("/v1/messages", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:mayfly:problem:invalid-input"
    assert [each["pointer"] for each in problem.get("errors", [])] == pointers
    assert await stored() == 0


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"3"])
async def test_json_that_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert "expected a JSON object" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is empty: send a JSON object with the message."),
        (b"{'text': 'a'}", "The body is not JSON: key must be a string at line 1 column 2."),
        (b'{"text": "a"', "The body is not JSON: EOF while parsing an object at line 1 column 12."),
        (b'{"text": "caf\xe9"}', "The body is not UTF-8 (byte 13)."),
        (b'{"text": "a", "n": NaN}', None),
        (b"[" * 10_000 + b"]" * 10_000, None),
    ],
)
async def test_a_body_that_cannot_be_read_is_malformed(
    client: httpx2.AsyncClient, body: bytes, detail: str | None
) -> None:
    response = await client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:mayfly:problem:malformed-request"
    if detail:
        assert response.json()["detail"] == detail


async def test_json_nested_without_end_is_refused(client: httpx2.AsyncClient) -> None:
    data: object = {}
    for _ in range(40):
        data = {"deeper": data}
    response = await client.post("/v1/messages", json={"content": {"text": "a", "data": data}})
    assert response.status_code == 422
    assert "nested deeper" in response.json()["detail"]


async def test_a_text_over_the_limit_is_refused(client: httpx2.AsyncClient, stored: Stored) -> None:
    response = await client.post("/v1/messages", json={"text": "a" * 65_537})
    assert response.status_code == 413
    assert "MESSAGE_LIMIT_BYTES" in response.json()["detail"]
    assert await stored() == 0


async def test_a_text_at_the_limit_is_answered_however_it_is_escaped(client: httpx2.AsyncClient) -> None:
    body = b'{"text": "' + b"\\u0061" * 65_536 + b'"}'
    response = await client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200


async def test_a_mebibyte_is_refused_before_it_is_read(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "a" * 1024 * 1024})
    assert response.status_code == 413
    assert response.json()["detail"] == "the body is over the limit of 524,288 bytes"


async def test_a_body_without_a_length_is_read_no_further_than_the_limit(client: httpx2.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 65_536
            yield b"a" * 65_536

    response = await client.post("/v1/messages", content=endless(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert sent <= 10 * 65_536


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_of_another_kind_is_refused(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/v1/messages", content=b'{"text": "a"}', headers=headers)
    assert response.status_code == 415
    assert response.headers["accept-post"] == "application/json"


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"', "application/ld+json"],
)
async def test_json_by_any_name_is_read(client: httpx2.AsyncClient, kind: str) -> None:
    response = await client.post("/v1/messages", content=b'{"text": "a"}', headers={"Content-Type": kind})
    assert response.status_code == 200


async def test_an_agent_that_does_not_run_here_is_not_found(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages", json={"text": "a", "agent": "Nobody"})
    assert response.status_code == 404
    assert response.json()["type"] == "urn:mayfly:problem:agent-not-found"


async def test_an_unknown_query_parameter_is_rejected(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/messages?text=a", json={"text": "a"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "text"
