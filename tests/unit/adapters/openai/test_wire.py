"""Promises of the wire adapter alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime_core.adapters.http_client import HttpClient
from runtime_core.adapters.openai.wire import WireModel
from runtime_core.domain.chat import ChatMessage, ChatRole, TextRequest
from runtime_core.errors import ModelAnswerMalformed, ModelRequestRejected, ModelUnavailable
from runtime_core.testing.models import question
from tests.model_answers import failure, raw
from tests.model_server import MODELS, ScriptedModelServer


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as server:
        yield server


async def test_the_bytes_of_a_request_are_these(server: ScriptedModelServer) -> None:
    request = TextRequest(messages=[ChatMessage(role=ChatRole.USER, text="Où?")], temperature=0.5, options={"seed": 1})
    async with HttpClient() as http:
        await WireModel(http, base_url=server.base_url, model="m").complete(request)

    assert server.requests[0].body.decode() == (
        '{"model":"m","temperature":0.5,"seed":1,"messages":[{"role":"user","content":"Où?"}]}'
    )
    assert "authorization" not in server.requests[0].headers


async def test_a_lent_client_stays_open(server: ScriptedModelServer) -> None:
    async with HttpClient() as http:
        model = WireModel(http, base_url=server.base_url)
        await model.complete(question())
        del model

        assert (await WireModel(http, base_url=server.base_url).complete(question())).text
    assert server.connection_count == 1


async def test_an_endless_answer_is_not_read_to_its_end(server: ScriptedModelServer) -> None:
    server.script(raw(b" " * (17 * 1024 * 1024)))
    async with HttpClient() as http:
        with pytest.raises(ModelAnswerMalformed, match="bytes"):
            await WireModel(http, base_url=server.base_url).complete(question())


async def test_a_long_error_page_is_still_its_status(server: ScriptedModelServer) -> None:
    server.script(raw(b"x" * 1_000_000, status=502))
    async with HttpClient() as http:
        with pytest.raises(ModelUnavailable, match="502"):
            await WireModel(http, base_url=server.base_url).complete(question())


async def test_a_redirect_is_not_followed(server: ScriptedModelServer) -> None:
    server.script(raw(b"", status=307, headers={"location": "/v1/chat/completions"}))
    async with HttpClient() as http:
        with pytest.raises(ModelRequestRejected, match="307"):
            await WireModel(http, base_url=server.base_url, api_key="sk-1").complete(question())

    assert server.request_count == 1


async def test_a_server_that_does_not_stream_gives_one_delta(server: ScriptedModelServer) -> None:
    server.script(raw(b'{"choices":[{"message":{"content":"all of it"}}]}'))
    deltas: list[str] = []

    async def listen(delta: str) -> None:
        deltas.append(delta)

    async with HttpClient() as http:
        await WireModel(http, base_url=server.base_url).complete(question(), on_delta=listen)

    assert deltas == ["all of it"]


async def test_a_key_is_checked_without_asking_a_model(server: ScriptedModelServer) -> None:
    server.api_key = "right"
    async with HttpClient() as http:
        assert await WireModel(http, base_url=server.base_url, api_key="right").check_key()
        assert not await WireModel(http, base_url=server.base_url, api_key="wrong").check_key()
        server.script(failure(500), path=MODELS)
        with pytest.raises(ModelUnavailable):
            await WireModel(http, base_url=server.base_url, api_key="right").check_key()
        server.stop()
        with pytest.raises(ModelUnavailable):
            await WireModel(http, base_url=server.base_url, api_key="right").check_key()

    assert server.chats == []


async def test_the_key_is_not_shown() -> None:
    async with HttpClient() as http:
        assert "sk-1" not in repr(WireModel(http, api_key="sk-1"))
