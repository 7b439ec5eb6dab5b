"""Problems of a deployment that runs: unknown addresses, methods, request ids."""

from __future__ import annotations

import logging

import httpx2
import pytest


async def test_what_a_caller_got_wrong_is_not_logged_as_a_failure(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.post("/v1/messages", json={})
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>"])
async def test_a_request_id_that_is_no_plain_name_is_replaced(client: httpx2.AsyncClient, given: str) -> None:
    response = await client.get("/health", headers={"X-Request-Id": given})
    assert response.headers["x-request-id"] not in {given, ""}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/messages/", "/V1/messages", "/docs"])
async def test_an_unknown_address_is_a_problem(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["type"] == "urn:mayfly:problem:not-found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/messages", "OPTIONS, POST"),
        ("PUT", "/v1/messages", "OPTIONS, POST"),
        ("POST", "/v1/agents", "GET, HEAD, OPTIONS"),
        ("DELETE", "/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    client: httpx2.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    assert response.json()["type"] == "urn:mayfly:problem:method-not-allowed"


async def test_options_lists_the_methods(client: httpx2.AsyncClient) -> None:
    response = await client.options("/v1/messages")
    assert (response.status_code, response.content, response.headers["allow"]) == (204, b"", "OPTIONS, POST")


async def test_head_is_get_without_a_body(client: httpx2.AsyncClient) -> None:
    got, headed = await client.get("/health"), await client.head("/health")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == got.headers["content-length"]
    missing = await client.head("/nowhere")
    assert (missing.status_code, missing.content) == (404, b"")
