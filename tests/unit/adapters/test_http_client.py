"""The shared HTTP client: dead connections, proxies, TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from runtime_core.adapters.http_client import HttpClient
from runtime_core.adapters.openai.wire import WireModel
from runtime_core.errors import ModelUnavailable
from runtime_core.testing.models import question
from tests.model_answers import Gate, Reply, connection_reset, held
from tests.model_server import ScriptedModelServer


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as http:
        yield http


async def test_a_reset_on_a_kept_connection_is_tried_again(http: HttpClient, server: ScriptedModelServer) -> None:
    model = WireModel(http, base_url=server.base_url)
    await model.complete(question())
    server.script(connection_reset())

    assert (await model.complete(question())).text
    assert server.connection_count == 2
    assert server.requests[1].body == server.requests[2].body


async def test_a_reset_on_a_new_connection_is_an_error(http: HttpClient, server: ScriptedModelServer) -> None:
    model = WireModel(http, base_url=server.base_url)
    await model.complete(question())
    server.script(connection_reset(), connection_reset())

    with pytest.raises(ModelUnavailable):
        await model.complete(question())

    assert server.request_count == 3


async def test_nothing_is_sent_again_once_an_answer_has_begun(http: HttpClient, server: ScriptedModelServer) -> None:
    model = WireModel(http, base_url=server.base_url)
    await model.complete(question())
    server.script(Reply(text="Fine, thank you", cut=True))

    with pytest.raises(ModelUnavailable):
        await model.complete(question())

    assert server.request_count == 2


async def test_a_server_that_came_back_is_used_again(http: HttpClient, server: ScriptedModelServer) -> None:
    model = WireModel(http, base_url=server.base_url)
    await model.complete(question())
    server.stop()
    with pytest.raises(ModelUnavailable):
        await model.complete(question())

    with ScriptedModelServer(port=server.port):
        assert (await model.complete(question())).text


async def test_a_cancelled_call_leaves_the_client_of_use(http: HttpClient, server: ScriptedModelServer) -> None:
    model = WireModel(http, base_url=server.base_url)
    gate = Gate()
    server.script(held(Reply(text="late"), gate))
    call = asyncio.create_task(model.complete(question()))
    assert await asyncio.to_thread(gate.reached.wait, 10)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open()

    assert (await model.complete(question())).text == "You said: How are you today?"


async def test_certificates_are_read_only_for_tls(
    http: HttpClient, server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/to/be/read.pem")

    assert (await WireModel(http, base_url=server.base_url).complete(question())).text
    with pytest.raises(ModelUnavailable, match="SSL_CERT_FILE"):
        await WireModel(http, base_url="https://127.0.0.1:1/v1").complete(question())


async def test_a_proxy_carries_what_leaves_this_machine(
    http: HttpClient, server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.base_url.removesuffix("/v1"))
    monkeypatch.setenv("http_proxy", server.base_url.removesuffix("/v1"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    response = await WireModel(http, base_url="http://models.invalid/v1").complete(question())

    assert response.text
    assert server.requests[0].path == "http://models.invalid/v1/chat/completions"


async def test_no_proxy_stands_before_this_machine(
    http: HttpClient, server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await WireModel(http, base_url=server.base_url).complete(question())).text
