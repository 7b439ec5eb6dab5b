"""`handlers.api`: stored events of every source, and its responses."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from handlers import api
from runtime_core.aws.environment import Environment
from runtime_core.aws.http_events import base_path
from runtime_core.cli.invoke import LocalContext
from runtime_core.domain.ids import string_to_uuid
from runtime_core.errors import InvalidInput
from runtime_core.settings import Settings
from tests.handlers.conftest import Event, kept_event

pytestmark = pytest.mark.usefixtures("environment")
SOURCES = ["rest_api", "http_api", "function_url", "load_balancer"]


def header(answer: Event, name: str) -> str | None:
    """Read a header from either of a response's two header fields."""
    single = answer.get("headers") or {}
    several = answer.get("multiValueHeaders") or {}
    return single.get(name) or next(iter(several.get(name, ())), None)


def with_header(event: Event, name: str, value: str) -> Event:
    changed = {**event, "headers": {**event.get("headers", {}), name: value}}
    if "multiValueHeaders" in event:
        changed["multiValueHeaders"] = {**event["multiValueHeaders"], name: [value]}
    return changed


def get(event: Event, path: str) -> Event:
    """Change an event of any source to a GET of another path."""
    changed = {**event, "body": None, "isBase64Encoded": False}
    if "http" in event["requestContext"]:
        http = {**event["requestContext"]["http"], "method": "GET", "path": path}
        return {**changed, "rawPath": path, "requestContext": {**event["requestContext"], "http": http}}
    proxy = {"proxy": path.removeprefix("/")}
    return {**changed, "httpMethod": "GET", "path": path} | ({"pathParameters": proxy} if "resource" in event else {})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("rest_api", "Hello from a REST API"),
        ("http_api", "Hello from an HTTP API"),
        ("function_url", "Hello from a function URL"),
        ("load_balancer", "Hello from a load balancer"),
    ],
)
def test_a_message_of_any_source_is_answered(context: LocalContext, source: str, said: str) -> None:
    answer = api.handler(kept_event(source), context)
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert header(answer, "content-type") == "application/json"
    assert header(answer, "x-request-id") == context.aws_request_id
    assert json.loads(answer["body"])["text"] == f"You said {said}"
    json.dumps(answer)


@pytest.mark.parametrize("source", SOURCES)
def test_a_problem_is_sent_as_text(context: LocalContext, source: str) -> None:
    answer = api.handler(kept_event(source, body='{"text": 5}', isBase64Encoded=False), context)
    assert answer["statusCode"] == 422
    assert answer["isBase64Encoded"] is False
    assert header(answer, "content-type") == "application/problem+json"
    assert json.loads(answer["body"])["errors"][0]["pointer"] == "#/text"


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_key_again_is_a_replay_in_the_same_environment(context: LocalContext, source: str) -> None:
    event = with_header(kept_event(source), "idempotency-key", "once")
    first, second = api.handler(event, context), api.handler(event, context)
    assert header(first, "idempotent-replayed") is None
    assert header(second, "idempotent-replayed") == "true"
    assert json.loads(first["body"])["message_id"] == str(string_to_uuid("once"))
    assert json.loads(second["body"])["run_id"] == json.loads(first["body"])["run_id"]


@pytest.mark.parametrize("source", SOURCES)
def test_other_addresses_are_served_too(context: LocalContext, source: str) -> None:
    answer = api.handler(get(kept_event(source), "/v1/agents"), context)
    assert [agent["name"] for agent in json.loads(answer["body"])["agents"]] == ["Ada", "Bob"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_stream_is_sent_whole(context: LocalContext, source: str) -> None:
    event = with_header(kept_event(source), "accept", "text/event-stream")
    if source == "rest_api":  # this source repeats each header under the caller's spelling
        event["multiValueHeaders"].pop("Accept")
        event["headers"].pop("Accept")
    answer = api.handler(event, context)
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert answer["body"].startswith('event: chunk\ndata: {"text":"You "}\n\n')
    assert answer["body"].count("event: done\n") == 1


@pytest.mark.parametrize(
    ("source", "query"),
    [
        ("rest_api", {"multiValueQueryStringParameters": {"limit": ["1"], "agent": ["Ada B"]}}),
        ("rest_api", {"queryStringParameters": {"limit": "1", "agent": "Ada B"}}),
        ("http_api", {"rawQueryString": "limit=1&agent=Ada%20B"}),
        ("load_balancer", {"multiValueQueryStringParameters": {"limit": ["1"], "agent": ["Ada%20B"]}}),
    ],
)
def test_query_parameters_are_read_as_each_source_writes_them(
    context: LocalContext, source: str, query: dict[str, Any]
) -> None:
    room = "b7e9d3c1-2a4f-4e8b-8c6d-1f0a9b8c7d6e"
    answer = api.handler({**get(kept_event(source), f"/v1/rooms/{room}/messages"), **query}, context)
    assert answer["statusCode"] == 404
    assert "'Ada B'" in json.loads(answer["body"])["detail"]


def test_a_body_in_base64_is_read(context: LocalContext) -> None:
    body = base64.b64encode('{"text": "Grüße 🪰"}'.encode()).decode()
    answer = api.handler(kept_event("rest_api", body=body, isBase64Encoded=True), context)
    assert json.loads(answer["body"])["text"] == "You said Grüße 🪰"


@pytest.mark.parametrize("body", ["not base64!", "YQ", "ü"])
def test_a_body_that_is_not_the_base64_it_claims_is_malformed(context: LocalContext, body: str) -> None:
    answer = api.handler(kept_event("http_api", body=body, isBase64Encoded=True), context)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["type"] == "urn:mayfly:problem:malformed-request"
    assert header(answer, "x-request-id") == context.aws_request_id


@pytest.mark.parametrize("source", SOURCES)
def test_an_event_without_a_body_is_malformed_and_not_a_crash(context: LocalContext, source: str) -> None:
    answer = api.handler(kept_event(source, body=None, isBase64Encoded=False), context)
    assert answer["statusCode"] == 400


def test_a_load_balancers_health_check_is_answered(context: LocalContext) -> None:
    answer = api.handler(kept_event("load_balancer_health_check"), context)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "ok"


@pytest.mark.parametrize("host", ["a:b", "[::1]:3000", "a:1:2", ""])
@pytest.mark.parametrize("source", SOURCES)
def test_a_host_that_makes_no_sense_is_no_crash(context: LocalContext, source: str, host: str) -> None:
    event = with_header(kept_event(source), "host", host)
    assert api.handler(event, context)["statusCode"] == 200


@pytest.mark.parametrize("headers", [None, {}])
def test_an_event_without_headers_is_refused_and_not_a_crash(
    context: LocalContext, headers: dict[str, str] | None
) -> None:
    answer = api.handler(kept_event("rest_api", headers=headers, multiValueHeaders=headers), context)
    assert answer["statusCode"] == 415


@pytest.mark.parametrize("event", [{}, {"text": "Hello"}, {"Records": []}, {"requestContext": {}}])
def test_an_event_that_is_no_http_request_is_named_as_such(context: LocalContext, event: Event) -> None:
    with pytest.raises(InvalidInput, match=r"handlers\.message"):
        api.handler(event, context)


def http_api_at(path: str, *, stage: str, domain: str) -> Event:
    event = kept_event("http_api")
    request = event["requestContext"]
    changed = {**request, "stage": stage, "domainName": domain, "http": {**request["http"], "path": path}}
    return {**event, "rawPath": path, "requestContext": changed}


OWN = "f6g7h8i9j0.execute-api.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (kept_event("rest_api"), "/"),
        (kept_event("http_api"), "/"),
        (kept_event("function_url"), "/"),
        (kept_event("load_balancer"), "/"),
        (http_api_at("/prod/v1/messages", stage="prod", domain=OWN), "/prod"),
        (http_api_at("/v1/v1/messages", stage="v1", domain=OWN), "/v1"),
        (http_api_at("/v1/messages", stage="v1", domain="chat.example"), "/"),
        (http_api_at("/products", stage="prod", domain=OWN), "/"),
        (kept_event("rest_api", path="/chat/v1/messages"), "/chat"),
        (
            {
                **http_api_at("/chat/v1/messages", stage="prod", domain="api.example"),
                "routeKey": "ANY /{proxy+}",
                "pathParameters": {"proxy": "v1/messages"},
            },
            "/chat",
        ),
    ],
)
def test_a_stage_or_mapping_before_the_path_is_left_out(context: LocalContext, event: Event, expected: str) -> None:
    assert base_path(event) == expected
    if event.get("requestContext", {}).get("http", {}).get("path") != "/products":
        assert api.handler(event, context)["statusCode"] == 200


def test_time_used_up_is_a_gateway_timeout() -> None:
    context = LocalContext(function_name="api", timeout_s=0)
    answer = api.handler(kept_event("http_api"), context)
    assert answer["statusCode"] == 504
    assert header(answer, "retry-after") is not None
    assert json.loads(answer["body"])["type"] == "urn:mayfly:problem:deadline-exceeded"


def test_a_deployment_that_does_not_open_is_a_problem_that_names_the_setting(
    context: LocalContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Environment(lambda: Settings(database_url="mysql://user:hidden@host/db"))
    monkeypatch.setattr("handlers.api.environment", broken)
    answer = api.handler(kept_event("http_api"), context)
    broken.close()
    assert answer["statusCode"] == 500
    assert "DATABASE_URL" in json.loads(answer["body"])["detail"]
    assert "hidden" not in answer["body"]


def test_importing_the_handler_loads_nothing_that_a_cold_start_cannot_afford() -> None:
    heavy = {"openai", "boto3", "botocore", "fastapi", "aws_xray_sdk", "rich", "uvicorn", "apsw", "click"}
    code = f"import sys, handlers.api; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
    later = {"runtime_core.http.openapi", "runtime_core.aws.callers", "runtime_core.domain.caller"}
    later |= {"runtime_core.queues.acceptance", "runtime_core.adapters.aws.websocket"}
    code = f"import sys, handlers.api; print(sorted({later!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_health_does_not_depend_on_the_settings(context: LocalContext, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Environment(lambda: Settings(database_url="mysql://user:hidden@host/db"))
    monkeypatch.setattr("handlers.api.environment", broken)
    answer = api.handler(get(kept_event("http_api"), "/health"), context)
    broken.close()
    assert answer["statusCode"] == 200
