"""`Prefer: respond-async` and `GET /v1/runs/{id}` in a long-running process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from runtime_core.agent.model_params import text_request
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.chat import ModelType, TextResponse
from runtime_core.http import create_app
from runtime_core.plugin_api import Plugin
from runtime_core.settings import Settings
from runtime_core.support import background
from tests.asgi import client_of

ASYNC = {"Prefer": "respond-async"}
HELD: dict[str, asyncio.Event] = {}
SPOKE: dict[str, asyncio.Event] = {}
SAID: list[str] = []


async def patient(_runtime: object, params: Mapping[str, Any]) -> TextResponse:
    said = text_request(params).messages[-1].text
    if said in HELD:
        await HELD[said].wait()
    SAID.append(said)
    if said in SPOKE:
        SPOKE[said].set()
    return TextResponse(text=f"You said {said}")


AGENTS = [
    {"character": {"name": "Ada"}, "plugins": [Plugin(name="patient", models={ModelType.TEXT_LARGE: patient})]},
    {"character": {"name": "Bob"}, "plugins": [Plugin(name="patient", models={ModelType.TEXT_LARGE: patient})]},
]


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    HELD.clear()
    SPOKE.clear()
    SAID.clear()
    settings = Settings(database_url="sqlite://", agents=f"{__name__}:AGENTS", model_max_retries=0)
    async with Deployment.open(settings) as deployment:
        yield deployment
        for held in HELD.values():  # otherwise a failed test would wait for them
            held.set()


async def finished(deployment: Deployment) -> None:
    async with asyncio.timeout(10):
        await background.finished(deployment)


async def test_a_message_is_accepted_at_once_and_its_run_has_its_status(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    HELD["Hello"] = asyncio.Event()
    accepted = await client.post("/v1/messages", json={"text": "Hello"}, headers=ASYNC)
    assert accepted.status_code == 202
    assert accepted.headers["preference-applied"] == "respond-async"
    assert accepted.headers["retry-after"] == "1"
    run = accepted.json()
    assert accepted.headers["location"] == f"/v1/runs/{run['id']}"
    assert (run["status"], run["attempt"], run["result"], run["error"]) == ("queued", 0, None, None)

    asked = await client.get(accepted.headers["location"])
    assert asked.status_code == 200
    assert asked.headers["retry-after"] == "1"
    assert asked.json()["status"] in {"queued", "running"}

    HELD["Hello"].set()
    await finished(deployment)
    done = await client.get(accepted.headers["location"])
    assert "retry-after" not in done.headers
    assert (done.json()["status"], done.json()["attempt"]) == ("completed", 1)
    assert done.json()["result"]["text"] == "You said Hello"
    assert done.json()["message_id"] == run["message_id"]


async def test_an_accepted_message_waits_behind_the_others_of_its_room_and_no_others(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    rooms = [str(uuid4()), str(uuid4())]
    HELD["First"], SPOKE["Elsewhere"] = asyncio.Event(), asyncio.Event()
    runs = [
        (await client.post("/v1/messages", json={"text": text, "room_id": room}, headers=ASYNC)).json()["id"]
        for text, room in (("First", rooms[0]), ("Second", rooms[0]), ("Elsewhere", rooms[1]))
    ]
    async with asyncio.timeout(10):
        await SPOKE["Elsewhere"].wait()
    assert (await client.get(f"/v1/runs/{runs[1]}")).json()["status"] == "queued"
    HELD["First"].set()
    await finished(deployment)
    assert SAID == ["Elsewhere", "First", "Second"]


async def test_the_same_message_again_is_the_same_run_and_is_answered_once(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    headers = {**ASYNC, "Idempotency-Key": "once"}
    HELD["Hello"] = asyncio.Event()
    accepted = [await client.post("/v1/messages", json={"text": "Hello"}, headers=headers) for _ in range(3)]
    assert [each.status_code for each in accepted] == [202, 202, 202]
    assert len({each.headers["location"] for each in accepted}) == 1
    HELD["Hello"].set()
    await finished(deployment)
    assert SAID == ["Hello"]


async def test_a_message_that_was_answered_has_its_answer_at_once(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    again = await client.post("/v1/messages", json={"text": "Hello"}, headers={**headers, **ASYNC})
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert "preference-applied" not in again.headers
    assert again.json() == {**first.json(), "replayed": True}
    other = await client.post("/v1/messages", json={"text": "Goodbye"}, headers={**headers, **ASYNC})
    assert other.status_code == 422
    assert other.json()["type"] == "urn:mayfly:problem:message-conflict"


async def test_a_message_and_its_later_self_are_one_run(client: httpx2.AsyncClient, deployment: Deployment) -> None:
    headers = {"Idempotency-Key": "later"}
    accepted = await client.post("/v1/messages", json={"text": "Hello"}, headers={**headers, **ASYNC})
    await finished(deployment)
    answer = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.json()["run_id"] == accepted.json()["id"]
    assert SAID == ["Hello"]


async def test_a_message_that_failed_before_its_turn_has_a_failed_run(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    room = str(uuid4())
    await client.post("/v1/messages", json={"text": "Mine", "agent": "Ada", "room_id": room})
    accepted = await client.post(
        "/v1/messages", json={"text": "Not mine", "agent": "Bob", "room_id": room}, headers=ASYNC
    )
    assert accepted.status_code == 202
    await finished(deployment)
    run = (await client.get(accepted.headers["location"])).json()
    assert (run["status"], run["attempt"]) == ("failed", 0)
    assert run["error"] == {
        "type": "urn:mayfly:problem:room-of-another-agent",
        "title": "Room of another agent",
        "retryable": False,
    }
    assert run["ended_at"] is not None


@pytest.mark.parametrize("prefer", ["respond-async, wait=10", "handling=lenient; x, Respond-Async", "respond-async;x"])
async def test_the_preference_is_parsed_as_its_rfc_defines(
    client: httpx2.AsyncClient, deployment: Deployment, prefer: str
) -> None:
    accepted = await client.post("/v1/messages", json={"text": "Hello"}, headers={"Prefer": prefer})
    assert accepted.status_code == 202
    await finished(deployment)


@pytest.mark.parametrize("headers", [{"Prefer": "wait=10"}, {**ASYNC, "Accept": "text/event-stream"}])
async def test_other_preferences_and_streams_are_answered_as_ever(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("/v1/messages", json={"text": "Hello"}, headers=headers)
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


async def test_an_invalid_message_is_rejected_at_once(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/messages", json={"text": ""}, headers=ASYNC)).status_code == 422
    unknown = await client.post("/v1/messages", json={"text": "Hello", "agent": "Nobody"}, headers=ASYNC)
    assert unknown.status_code == 404


async def test_on_lambda_without_a_queue_the_setting_is_named() -> None:
    settings = Settings(database_url="sqlite://", agents=f"{__name__}:AGENTS", on_lambda=True)
    async with Deployment.open(settings) as deployment:

        async def source() -> Deployment:
            return deployment

        async with client_of(create_app(source)) as client:
            answer = await client.post("/v1/messages", json={"text": "Hello"}, headers=ASYNC)
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:mayfly:problem:invalid-settings"
    assert "INBOX_QUEUE_URL" in answer.json()["detail"]
    assert SAID == []
