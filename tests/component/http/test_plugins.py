"""`/plugins/<plugin>/…`: routes of plugins over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.routes import RouteRequest, RouteResponse
from runtime_core.http import create_app
from runtime_core.plugin_api import Context, Plugin, Route
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from tests.asgi import client_of
from tests.component.http.echo import PLUGIN


async def today(request: RouteRequest, runtime: Context) -> dict[str, object]:
    return {"city": request.params["city"], "unit": request.query.get("unit"), "agent": runtime.character.name}


async def store(request: RouteRequest) -> RouteResponse:
    return RouteResponse(status=201, body=request.body, headers={"X-Stored": "yes"})


async def page(_: RouteRequest) -> RouteResponse:
    return RouteResponse(body="<p>Rain</p>", headers={"Content-Type": "text/html"})


async def nothing(_: RouteRequest) -> None:
    return None


WEATHER = Plugin(
    name="weather",
    routes=(
        Route(type="GET", path="/today/:city", handler=today, public=True),
        Route(type="POST", path="/reports", handler=store),
        Route(type="GET", path="/page", handler=page, public=True),
        Route(type="DELETE", path="/reports/{id}", handler=nothing, public=True),
    ),
)
AGENTS = [
    {"character": {"name": "Ada"}, "plugins": [PLUGIN, WEATHER]},
    {"character": {"name": "Bob"}, "plugins": [PLUGIN]},
]
SETTINGS = Settings(database_url="sqlite://", agents="tests.component.http.test_plugins:AGENTS")


@pytest.fixture(params=["development"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    settings = SETTINGS.model_copy(update={"environment": request.param})
    async with Deployment.open(settings) as deployment:

        async def source() -> Deployment:
            return deployment

        async with client_of(create_app(source)) as client:
            yield client


@pytest.mark.spec("R18")
async def test_a_plugins_route_answers_under_its_plugins_name(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/plugins/weather/today/Paris", params={"unit": "C"})
    assert (answer.status_code, answer.json()) == (200, {"city": "Paris", "unit": "C", "agent": "Ada"})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_route_gets_the_body_and_chooses_status_headers_and_type(client: httpx2.AsyncClient) -> None:
    stored = await client.post("/plugins/weather/reports", json={"rain_mm": 3})
    assert (stored.status_code, stored.json(), stored.headers["x-stored"]) == (201, {"rain_mm": 3}, "yes")
    shown = await client.get("/plugins/weather/page")
    assert (shown.text, shown.headers["content-type"]) == ("<p>Rain</p>", "text/html")
    assert (await client.delete("/plugins/weather/reports/7")).status_code == 204


async def test_an_unknown_path_and_an_unsupported_method_are_problems(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/plugins/weather/yesterday")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:mayfly:problem:route-not-found")
    wrong = await client.put("/plugins/weather/reports", json={})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_the_header_x_agent_names_the_agent(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/plugins/weather/today/Oslo", headers={"X-Agent": "bob"})).status_code == 404
    assert (await client.get("/plugins/weather/today/Oslo", headers={"X-Agent": "nobody"})).status_code == 404


async def test_a_body_over_the_limit_or_not_json_is_refused(client: httpx2.AsyncClient) -> None:
    too_much = await client.post("/plugins/weather/reports", content=b"x" * (SETTINGS.message_limit_bytes + 1))
    assert too_much.status_code == 413
    broken = await client.post("/plugins/weather/reports", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


@pytest.mark.parametrize("client", ["production"], indirect=True)
async def test_in_production_only_public_routes_are_served(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/plugins/weather/today/Oslo")).status_code == 200
    refused = await client.post("/plugins/weather/reports", json={})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:mayfly:problem:route-not-public")


async def test_handle_route_answers_without_http() -> None:
    runtime = AgentRuntime(character={"name": "Ada"}, plugins=[PLUGIN, WEATHER], settings=SETTINGS)
    async with runtime:
        answer = await runtime.handle_route({"path": "/plugins/weather/today/Rome"})
        assert answer == replace(RouteResponse(), body={"city": "Rome", "unit": None, "agent": "Ada"})
