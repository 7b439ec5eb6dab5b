"""Deletion of messages over HTTP."""

from __future__ import annotations

from uuid import uuid4

import httpx2

from tests.component.http.conftest import Stored


async def said(client: httpx2.AsyncClient, room_id: str, text: str = "Hello") -> dict[str, str]:
    answer = await client.post("/v1/messages", json={"text": text, "room_id": room_id})
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


async def test_a_message_is_deleted_once(client: httpx2.AsyncClient, stored: Stored) -> None:
    answer = await said(client, str(uuid4()))
    assert await stored() == 2
    first = await client.delete(f"/v1/messages/{answer['message_id']}")
    assert (first.status_code, first.content) == (204, b"")
    assert await stored() == 1
    second = await client.delete(f"/v1/messages/{answer['message_id']}")
    assert (second.status_code, second.headers["content-type"]) == (404, "application/problem+json")


async def test_a_room_is_cleared_and_others_stay(client: httpx2.AsyncClient, stored: Stored) -> None:
    rooms = [str(uuid4()), str(uuid4())]
    for room_id in rooms:
        await said(client, room_id)
    assert (await client.delete(f"/v1/rooms/{rooms[0]}/messages")).status_code == 204
    assert await stored() == 2
    assert (await client.get(f"/v1/rooms/{rooms[0]}/messages")).json()["messages"] == []
    assert len((await client.get(f"/v1/rooms/{rooms[1]}/messages")).json()["messages"]) == 2
    assert (await client.delete(f"/v1/rooms/{uuid4()}/messages")).status_code == 204


async def test_only_the_agent_named_forgets(client: httpx2.AsyncClient, stored: Stored) -> None:
    answer = await said(client, str(uuid4()))
    assert (await client.delete(f"/v1/messages/{answer['message_id']}?agent=Bob")).status_code == 404
    assert await stored() == 2


async def test_an_invalid_id_or_parameter_is_rejected(client: httpx2.AsyncClient) -> None:
    assert (await client.delete("/v1/messages/seven")).status_code == 422
    assert (await client.delete(f"/v1/messages/{uuid4()}?all=1")).status_code == 422
    assert (await client.delete("/v1/rooms/seven/messages")).status_code == 422


async def test_an_unsupported_method_gets_the_allowed_ones(client: httpx2.AsyncClient) -> None:
    answer = await client.put(f"/v1/rooms/{uuid4()}/messages")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
