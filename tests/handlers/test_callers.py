"""`AUTH_MODE=gateway` through the HTTP handler: who sends a message, and what is whose to see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from handlers import api
from runtime_core.aws.callers import read_caller
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.routes import RouteRequest
from runtime_core.plugin_api import Plugin, Route
from runtime_core.settings import Settings
from tests.component.http.echo import PLUGIN
from tests.handlers.authorizers import (
    function_url_iam,
    http_api_iam,
    http_api_jwt,
    http_api_lambda,
    rest_api_cognito,
    rest_api_iam,
    rest_api_lambda,
)
from tests.handlers.conftest import Event, kept_event

ZOE, BEN = http_api_jwt("zoe", name="Zoë"), http_api_jwt("ben")
STRANGERS = [kept_event(source) for source in ("rest_api", "http_api", "function_url", "load_balancer")]


async def who(request: RouteRequest) -> dict[str, object]:
    return {"entity_id": request.entity_id}


ROUTES = Plugin(
    name="desk",
    routes=(
        Route(type="GET", path="/mine", handler=who),
        Route(type="GET", path="/open", handler=who, public=True),
    ),
)
AGENTS = [{"character": {"name": "Ada"}, "plugins": [PLUGIN, ROUTES]}]


@pytest.fixture(autouse=True)
def settings(any_database_url: str) -> Settings:
    return Settings(
        database_url=any_database_url,
        agents=f"{__name__}:AGENTS",
        environment="production",
        auth_mode="gateway",
        model_max_retries=0,
    )


@pytest.fixture(autouse=True)
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    environment = Environment(lambda: settings)
    monkeypatch.setattr(api, "environment", environment)
    yield environment
    environment.close()


def entity_of(event: Event) -> str:
    caller = read_caller(event)
    assert caller is not None
    return str(caller.entity_id)


def request_of(event: Event, method: str, path: str, body: object, headers: Mapping[str, str]) -> Event:
    """The event as another request of the same caller."""
    asked = {**event, "body": None if body is None else json.dumps(body), "isBase64Encoded": False}
    for field, given in (("headers", dict(headers)), ("multiValueHeaders", {k: [v] for k, v in headers.items()})):
        if event.get(field):
            asked[field] = {**event[field], **given}
    context = event["requestContext"]
    if "http" in context:
        path, _, query = path.partition("?")
        http = {**context["http"], "method": method, "path": path}
        return {**asked, "rawPath": path, "rawQueryString": query, "requestContext": {**context, "http": http}}
    proxy = {"pathParameters": {"proxy": path.removeprefix("/")}} if "resource" in event else {}
    return {**asked, "httpMethod": method, "path": path, **proxy}


def call(
    event: Event, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """Status and document of the answer to a request of the event's caller."""
    asked = request_of(event, method, path, body, headers or {})
    answer = api.handler(asked, LocalContext(function_name="api", timeout_s=30))
    if answer["statusCode"] == 401:
        sent = {**answer.get("headers", {}), **answer.get("multiValueHeaders", {})}
        assert "Bearer" in sent["www-authenticate"]
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def say(event: Event, text: str = "Hello", headers: Mapping[str, str] | None = None, **fields: Any) -> tuple[int, Any]:
    return call(event, "POST", "/v1/messages", {"text": text, **fields}, headers)


def code(document: Any) -> str:
    return str(document["type"]).removeprefix("urn:mayfly:problem:")


@pytest.mark.spec("N4")
@pytest.mark.parametrize(
    "caller",
    [
        http_api_jwt("zoe"),
        http_api_iam("AROAEXAMPLE:zoe@example.com"),
        http_api_iam("AROAEXAMPLE:CognitoIdentityCredentials", "eu-central-1:zoe"),
        http_api_lambda(sub="zoe"),
        function_url_iam("AIDAEXAMPLE"),
        rest_api_cognito("zoe"),
        rest_api_iam("AIDAEXAMPLE"),
        rest_api_lambda("user|zoe"),
    ],
)
def test_the_sender_is_the_caller_that_the_gateway_verified(caller: Event) -> None:
    status, result = say(caller)
    assert status == 200
    status, page = call(caller, "GET", f"/v1/rooms/{result['room_id']}/messages")
    assert status == 200
    assert [each["entity_id"] for each in page["messages"] if each["role"] == "user"] == [entity_of(caller)]


def test_the_same_user_is_the_same_entity_over_either_kind_of_api() -> None:
    _, first = say(http_api_jwt("zoe"))
    _, second = say(rest_api_cognito("zoe"))
    assert first["room_id"] == second["room_id"]


@pytest.mark.spec("N4")
@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/messages"), ("GET", "/v1/agents"), ("GET", "/plugins/desk/mine")]
)
def test_without_a_verified_caller_nothing_is_answered(stranger: Event, method: str, path: str) -> None:
    status, problem = call(stranger, method, path, {"text": "Hello"} if method == "POST" else None)
    assert (status, code(problem)) == (401, "caller-unverified")


def test_every_address_of_the_api_is_for_verified_callers() -> None:
    status, document = call(kept_event("http_api"), "GET", "/openapi.json")
    assert status == 200
    asked = [
        (method.upper(), path)
        for path, operations in document["paths"].items()
        if path.startswith("/v1/")
        for method in operations
    ]
    assert len(asked) >= 6
    for method, path in asked:
        assert call(kept_event("http_api"), method, path)[0] == 401, (method, path)


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/openapi.json", "/plugins/desk/open"])
def test_what_is_everybodys_needs_no_caller(path: str) -> None:
    assert call(kept_event("http_api"), "GET", path)[0] == 200


@pytest.mark.spec("N4")
def test_a_message_that_names_another_sender_is_refused() -> None:
    status, problem = say(ZOE, entity={"id": entity_of(BEN)})
    assert (status, code(problem)) == (403, "entity-not-caller")
    assert entity_of(ZOE) in problem["detail"]
    assert say(ZOE, entity={"id": entity_of(ZOE), "name": "Zoë B."})[0] == 200


@pytest.mark.spec("N4")
def test_what_was_said_is_there_for_those_who_take_part_alone() -> None:
    room = str(uuid4())
    status, result = say(ZOE, room_id=room)
    assert status == 200
    for method, path in (
        ("GET", f"/v1/runs/{result['run_id']}"),
        ("GET", f"/v1/rooms/{room}/messages"),
        ("GET", f"/v1/memories/search?query=hello&room_id={room}"),
        ("DELETE", f"/v1/rooms/{room}/messages"),
        ("DELETE", f"/v1/messages/{result['message_id']}"),
        ("DELETE", f"/v1/messages/{result['responses'][0]['id']}"),
    ):
        assert call(BEN, method, path)[0] == 404, path
    assert len(call(ZOE, "GET", f"/v1/rooms/{room}/messages")[1]["messages"]) == 2
    found = call(ZOE, "GET", f"/v1/memories/search?query=hello&room_id={room}")[1]["messages"]
    assert {each["text"] for each in found} == {"Hello", "You said Hello"}
    assert call(ZOE, "GET", "/v1/memories/search?query=hello")[0] == 422
    assert call(ZOE, "GET", f"/v1/runs/{result['run_id']}")[1]["status"] == "completed"
    assert call(ZOE, "DELETE", f"/v1/messages/{result['message_id']}")[0] == 204
    assert call(ZOE, "DELETE", f"/v1/rooms/{room}/messages")[0] == 204
    assert call(ZOE, "GET", f"/v1/rooms/{room}/messages")[1]["messages"] == []


@pytest.mark.spec("N4")
@pytest.mark.parametrize("headers", [{}, {"accept": "text/event-stream"}, {"prefer": "respond-async"}])
def test_nobody_joins_a_room_by_knowing_its_id(headers: dict[str, str]) -> None:
    room = str(uuid4())
    say(ZOE, room_id=room)
    status, problem = say(BEN, room_id=room, headers=headers)
    assert (status, code(problem)) == (403, "room-not-joined")
    assert call(BEN, "GET", f"/v1/rooms/{room}/messages")[0] == 404
    assert say(ZOE, room_id=room)[0] == 200


def test_nobody_opens_a_room_that_somebody_will_have() -> None:
    zoes_own = str(string_to_uuid(f"{string_to_uuid('Ada')}:{entity_of(ZOE)}"))
    status, problem = say(BEN, room_id=zoes_own)
    assert (status, code(problem), problem["errors"][0]["pointer"]) == (422, "invalid-input", "#/room_id")
    status, result = say(ZOE, room_id=zoes_own)
    assert status == 200
    assert say(ZOE)[1]["room_id"] == result["room_id"] == zoes_own


def test_two_callers_may_use_the_same_key() -> None:
    key = {"idempotency-key": "order 17"}
    (first, of_zoe), (second, of_ben) = say(ZOE, headers=key), say(BEN, headers=key)
    assert (first, second) == (200, 200)
    assert of_zoe["message_id"] != of_ben["message_id"]
    assert say(ZOE, headers=key)[1]["replayed"] is True


def test_a_message_that_is_answered_later_is_its_senders_to_see() -> None:
    status, accepted = say(ZOE, headers={"prefer": "respond-async"})
    assert status == 202
    assert call(BEN, "GET", f"/v1/runs/{accepted['id']}")[0] == 404
    assert call(ZOE, "GET", f"/v1/runs/{accepted['id']}")[0] == 200


@pytest.mark.spec("R18")
def test_a_route_that_is_not_public_answers_verified_callers_and_is_told_who_they_are() -> None:
    assert call(ZOE, "GET", "/plugins/desk/mine") == (200, {"entity_id": entity_of(ZOE)})
    assert call(ZOE, "GET", "/plugins/desk/open") == (200, {"entity_id": entity_of(ZOE)})
    assert call(kept_event("http_api"), "GET", "/plugins/desk/open") == (200, {"entity_id": None})


class TestWhereNobodyVerifiesCallers:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(
            database_url="sqlite://", agents=f"{__name__}:AGENTS", environment="production", model_max_retries=0
        )

    @pytest.mark.spec("R18")
    @pytest.mark.parametrize("event", [ZOE, kept_event("http_api")])
    def test_in_production_a_route_that_is_not_public_is_refused(self, event: Event) -> None:
        status, problem = call(event, "GET", "/plugins/desk/mine")
        assert (status, code(problem)) == (403, "route-not-public")

    def test_the_sender_is_who_the_message_says(self) -> None:
        entity = str(uuid4())
        status, result = say(ZOE, entity={"id": entity})
        assert status == 200
        page = call(BEN, "GET", f"/v1/rooms/{result['room_id']}/messages")[1]
        assert [each["entity_id"] for each in page["messages"] if each["role"] == "user"] == [entity]
