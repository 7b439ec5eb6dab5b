"""OpenAPI document: valid, complete and correct."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import TypeAdapter

from runtime_core.http import Application, documents
from runtime_core.http.documents import ProblemDocument, ResultDocument, RoomMessagesDocument, RunDocument


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


async def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document, cls=OpenAPIV31SpecValidator)


async def test_every_address_is_described(document: dict[str, Any], app: Application) -> None:
    served = {route.path for route in app.router.routes}  # type: ignore[attr-defined]  # routes are Route
    plugins = "/plugins/{path:path}"  # the agents' plugins define these routes
    assert served - {"/openapi.json", plugins} == set(document["paths"])


async def test_the_request_is_described_by_the_model_that_reads_it(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["MessageRequest"]
    assert set(schema["properties"]) == {"text", "content", "id", "agent", "room_id", "entity", "world_id"}
    assert schema["additionalProperties"] is False


async def test_responses_match_the_document(client: httpx2.AsyncClient) -> None:
    result = (await client.post("/v1/messages", json={"text": "Hello"})).json()
    check(ResultDocument, result)
    check(RunDocument, (await client.get(f"/v1/runs/{result['run_id']}")).json())
    check(RoomMessagesDocument, (await client.get(f"/v1/rooms/{result['room_id']}/messages")).json())
    check(documents.AgentsDocument, (await client.get("/v1/agents")).json())
    check(documents.HealthDocument, (await client.get("/health")).json())
    check(documents.ReadinessDocument, (await client.get("/health/ready")).json())
    check(ProblemDocument, (await client.post("/v1/messages", json={"text": 1})).json())
    check(ProblemDocument, (await client.get("/v1/agents?a=b")).json())


def check(kind: Any, answer: dict[str, Any]) -> None:
    TypeAdapter(kind).validate_python(answer)
    assert set(answer) <= set(kind.__annotations__) | {
        name for base in getattr(kind, "__orig_bases__", ()) for name in getattr(base, "__annotations__", {})
    }
