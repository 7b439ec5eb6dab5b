"""Read-only addresses: runs, rooms, agents, health."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import httpx2
import pytest

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.run import RunStatus, TurnEnd, TurnStart
from runtime_core.domain.world import Entity, Room, World
from runtime_core.errors import SettingsError
from runtime_core.http import create_app
from runtime_core.support.shared import Shared
from runtime_core.version import __version__
from tests.asgi import client_of
from tests.component.http.echo import FOREIGN


async def test_a_run_has_the_result_of_its_message(client: httpx2.AsyncClient) -> None:
    result = (await client.post("/v1/messages", json={"text": "Hello"})).json()
    run = (await client.get(f"/v1/runs/{result['run_id']}")).json()
    assert run["status"] == "completed"
    assert run["attempt"] == 1
    assert run["error"] is None
    assert run["result"] == result


async def test_a_failed_run_shows_the_kind_of_its_error_and_not_the_words(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    run_id = await failed_run(deployment, {"code": "model-unavailable", "message": FOREIGN})
    response = await client.get(f"/v1/runs/{run_id}")
    run = response.json()
    assert (run["status"], run["attempt"], run["result"]) == ("failed", 1, None)
    assert run["error"] == {
        "type": "urn:mayfly:problem:model-unavailable",
        "title": "Model unavailable",
        "retryable": True,
    }
    assert FOREIGN not in response.text


async def failed_run(deployment: Deployment, error: dict[str, str]) -> UUID:
    """Claim the run of a message and fail it."""
    agent_id, run_id, owner = deployment.agent_id("Bob"), uuid4(), uuid4()
    room, person = Room(id=uuid4()), Entity(id=uuid4())
    await deployment.database.turns.begin(
        TurnStart(
            run_id=run_id,
            agent_id=agent_id,
            agent_name="Bob",
            lease_owner=owner,
            lease_s=60,
            body_hash="",
            message=Memory(agent_id=agent_id, entity_id=person.id, room_id=room.id, content=Content(text="Hello")),
            world=World(id=uuid4()),
            room=room,
            entities=(person, Entity(id=agent_id)),
        )
    )
    await deployment.database.turns.finish(
        TurnEnd(run_id=run_id, agent_id=agent_id, lease_owner=owner, status=RunStatus.FAILED, error=error)
    )
    return run_id


async def test_a_run_of_another_deployments_agent_is_not_there(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    run_id = (await client.post("/v1/messages", json={"text": "Hello", "agent": "Bob"})).json()["run_id"]
    without_bob = Deployment(deployment.settings, deployment.agents[:1], deployment.database, Shared(AsyncExitStack()))

    async def source() -> Deployment:
        return without_bob

    async with client_of(create_app(source)) as other:
        foreign = await other.get(f"/v1/runs/{run_id}")
        missing = await other.get(f"/v1/runs/{uuid4()}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["detail"] == missing.json()["detail"] == "No run of this deployment's agents has this id."


@pytest.mark.parametrize("path", ["/v1/runs/17", "/v1/rooms/lobby/messages"])
async def test_an_id_that_is_no_uuid_is_pointed_at(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 422
    assert response.json()["errors"][0]["in"] == "path"


async def test_a_room_is_read_page_by_page_newest_first(client: httpx2.AsyncClient) -> None:
    room_id = str(uuid4())
    for number in range(3):
        await client.post("/v1/messages", json={"text": str(number), "room_id": room_id})
    pages, cursor = [], None
    while True:
        query = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"/v1/rooms/{room_id}/messages", params=query)).json()
        pages.append([(each["role"], each["text"]) for each in page["messages"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == [
        [("agent", "You said 2"), ("user", "2"), ("agent", "You said 1"), ("user", "1")],
        [("agent", "You said 0"), ("user", "0")],
    ]


async def test_an_unknown_room_is_empty(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"/v1/rooms/{uuid4()}/messages")
    assert response.json() == {"messages": [], "next_cursor": None}


async def test_an_agent_sees_only_its_own_messages_of_a_room(client: httpx2.AsyncClient) -> None:
    room_id = str(uuid4())
    await client.post("/v1/messages", json={"text": "Hello", "room_id": room_id, "agent": "Ada"})
    bobs = await client.get(f"/v1/rooms/{room_id}/messages", params={"agent": "Bob"})
    assert bobs.json()["messages"] == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%D9%A3", "limit"),
        ("cursor=", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=%F0%9F%AA%B0", "cursor"),
        ("cursor=MjAyNi0wMS0wMXwwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA", "cursor"),
        ("page=2", "page"),
    ],
)
async def test_an_invalid_query_parameter_is_named(client: httpx2.AsyncClient, query: str, parameter: str) -> None:
    response = await client.get(f"/v1/rooms/{uuid4()}/messages?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == parameter
    assert response.json()["errors"][0]["in"] == "query"


async def test_a_search_finds_messages_by_words_best_first(client: httpx2.AsyncClient) -> None:
    rooms = [str(uuid4()), str(uuid4())]
    for room_id, text in ((rooms[0], "The kiln is hot"), (rooms[0], "It rains"), (rooms[1], "Two kilns and a wheel")):
        await client.post("/v1/messages", json={"text": text, "room_id": room_id})
    everywhere = (await client.get("/v1/memories/search", params={"query": "kiln"})).json()["messages"]
    assert {each["text"] for each in everywhere if each["role"] == "user"} == {
        "The kiln is hot",
        "Two kilns and a wheel",
    }
    assert [each["score"] for each in everywhere] == sorted((each["score"] for each in everywhere), reverse=True)
    there = (await client.get("/v1/memories/search", params={"query": "kiln", "room_id": rooms[1]})).json()["messages"]
    assert {each["room_id"] for each in there} == {rooms[1]}
    one = (await client.get("/v1/memories/search", params={"query": "kiln", "limit": "1"})).json()["messages"]
    assert one == everywhere[:1]
    bobs = (await client.get("/v1/memories/search", params={"query": "kiln", "agent": "Bob"})).json()
    assert bobs == {"messages": []}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "query"),
        ("query=", "query"),
        ("query=" + "a" * 1001, "query"),
        ("query=a&room_id=lobby", "room_id"),
        ("query=a&limit=0", "limit"),
        ("q=a", "q"),
    ],
)
async def test_an_invalid_search_names_its_parameter(client: httpx2.AsyncClient, query: str, parameter: str) -> None:
    response = await client.get(f"/v1/memories/search?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == parameter


async def test_the_agents_are_listed_with_the_default_one_first(
    client: httpx2.AsyncClient, deployment: Deployment
) -> None:
    agents = (await client.get("/v1/agents")).json()["agents"]
    assert [agent["name"] for agent in agents] == ["Ada", "Bob"]
    assert agents[0]["bio"] == ["Counts things."]
    assert UUID(agents[0]["id"]) == deployment.agent_id(None)


async def test_health_touches_nothing() -> None:
    async def source() -> Deployment:
        raise AssertionError("health opened the deployment")

    async with client_of(create_app(source)) as client:
        response = await client.get("/health")
    assert response.json() == {"status": "ok", "version": __version__}


async def test_a_deployment_that_has_everything_is_ready(client: httpx2.AsyncClient) -> None:
    response = await client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert set(response.json()["checks"]) == {"database", "schema", "model"}


async def test_a_deployment_that_does_not_open_is_not_ready() -> None:
    async def source() -> Deployment:
        raise SettingsError("DATABASE_URL is 'postgres://secret'", name="DATABASE_URL")

    async with client_of(create_app(source)) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert "DATABASE_URL" in response.json()["checks"]["deployment"]["detail"]
    assert "secret" not in response.text
