"""The plugin `openai` against a model server."""

from __future__ import annotations

import base64
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import openai
import pytest

from runtime_core.adapters.http_client import HttpClient
from runtime_core.domain.chat import (
    ChatMessage,
    ChatRole,
    EmbeddingResponse,
    ModelType,
    OnDelta,
    TextRequest,
    TextResponse,
)
from runtime_core.errors import InvalidInput, ModelAnswerMalformed, ModelUnavailable, PluginError, SettingsError
from runtime_core.plugin_api import Plugin
from runtime_core.plugins.openai import check_key, get_openai_plugin
from runtime_core.settings import Settings
from runtime_core.support.arguments import call
from tests.model_answers import Reply, json_answer, raw
from tests.model_server import ScriptedModelServer

T = TypeVar("T")
HELLO = ChatMessage(role=ChatRole.USER, text="Hello")


class Runtime:
    """The part of a runtime that the plugin uses: settings and shared resources."""

    def __init__(self, stack: AsyncExitStack, settings: Settings, **character: Any) -> None:
        self.settings = settings
        self._character = character
        self._stack = stack

    def get_setting(self, key: str, default: Any = None) -> Any:
        return self._character.get(key, default)

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        return await self._stack.enter_async_context(opens())


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as server:
        yield server


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(params=["wire", "sdk"])
def settings(request: pytest.FixtureRequest, server: ScriptedModelServer) -> Settings:
    return Settings.from_environment(
        {
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_TRANSPORT": request.param,
            "TEXT_SMALL_MODEL": "small",
            "TEXT_LARGE_MODEL": "large",
            "EMBEDDING_MODEL": "vectors",
            "EMBEDDING_DIMENSION": "8",
        }
    )


async def opened(plugin: Plugin, runtime: Any) -> Any:
    assert plugin.init is not None
    await call(plugin.init, ({}, runtime))
    return plugin


async def test_the_params_choose_the_form_of_the_answer(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings)
    models = (await opened(get_openai_plugin(), runtime)).models

    text = await call(models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello", "system": "Be brief."}))
    response = await call(models[ModelType.TEXT_LARGE], (runtime, {"messages": [HELLO]}))

    assert text == "You said: Hello"
    assert isinstance(response, TextResponse)
    assert [(chat["model"], len(chat["messages"])) for chat in server.chats] == [("small", 2), ("large", 1)]


async def test_a_listener_hears_the_deltas(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings)
    models = (await opened(get_openai_plugin(), runtime)).models
    deltas: list[str] = []

    async def listen(delta: str) -> None:
        deltas.append(delta)

    await call(models[ModelType.TEXT_LARGE], (runtime, {"messages": [HELLO], "on_delta": listen}))

    assert deltas == ["You ", "said: ", "Hello"]


async def test_embeddings_come_alone_or_together(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings)
    embed = (await opened(get_openai_plugin(), runtime)).models[ModelType.TEXT_EMBEDDING]

    alone = await embed(runtime, "a cat")
    together = await embed(runtime, {"texts": ["a dog", "a cat"]})

    assert isinstance(together, EmbeddingResponse)
    assert together.vectors[1] == alone == await embed(runtime, {"text": "a cat"})
    assert len(alone) == 8
    assert server.requests[0].json["model"] == "vectors"


async def test_an_object_follows_its_schema(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings)
    models = (await opened(get_openai_plugin(), runtime)).models
    server.script(Reply(text='{"name": "Ada"}'), Reply(text='```json\n{"name": "Grace"}\n```'), Reply(text="[1]"))

    with_schema = await call(
        models[ModelType.OBJECT_SMALL], (runtime, {"prompt": "Who?", "schema": {"type": "object"}})
    )
    without = await call(models[ModelType.OBJECT_LARGE], (runtime, {"prompt": "Who?"}))
    with pytest.raises(ModelAnswerMalformed, match="not an object"):
        await call(models[ModelType.OBJECT_LARGE], (runtime, {"prompt": "Who?"}))

    assert (with_schema, without) == ({"name": "Ada"}, {"name": "Grace"})
    assert server.chats[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert server.chats[1]["response_format"] == {"type": "json_object"}
    assert "JSON" in server.chats[1]["messages"][0]["content"]


async def test_the_characters_settings_come_before_the_deployments(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings, TEXT_SMALL_MODEL="mine", OPENAI_API_KEY="sk-mine", EMBEDDING_DIMENSION="5")
    models = (await opened(get_openai_plugin(), runtime)).models

    await call(models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"}))

    assert server.chats[0]["model"] == "mine"
    assert server.requests[0].headers["authorization"] == "Bearer sk-mine"
    assert len(await call(models[ModelType.TEXT_EMBEDDING], (runtime, "a cat"))) == 5


async def test_two_runtimes_of_one_plugin_keep_their_own_keys(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    plugin = get_openai_plugin()
    runtimes = [Runtime(stack, settings, OPENAI_API_KEY=f"sk-{number}") for number in range(2)]
    for runtime in runtimes:
        await opened(plugin, runtime)

    for runtime in reversed(runtimes):
        await call(plugin.models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"}))

    assert [each.headers["authorization"] for each in server.requests] == ["Bearer sk-1", "Bearer sk-0"]


async def test_the_plugin_keeps_no_runtime_alive(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    plugin = get_openai_plugin()
    runtime = Runtime(stack, settings)
    await opened(plugin, runtime)
    await call(plugin.models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"}))
    reference = weakref.ref(runtime)

    del runtime
    gc.collect()

    assert reference() is None


async def test_a_lent_http_client_serves_many_runtimes_on_one_connection(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    async with HttpClient() as http:
        plugin = get_openai_plugin(http=http)
        for _ in range(3):
            async with AsyncExitStack() as life:
                runtime = Runtime(life, settings)
                await opened(plugin, runtime)
                await call(plugin.models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"}))

    assert server.connection_count == 1


async def test_a_client_passed_in_carries_the_calls(server: ScriptedModelServer, stack: AsyncExitStack) -> None:
    async with openai.AsyncOpenAI(api_key="sk-client", base_url=server.base_url) as client:
        runtime = Runtime(stack, Settings())
        models = (await opened(get_openai_plugin(client=client), runtime)).models

        assert await call(models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"})) == "You said: Hello"
        assert not client.is_closed()

    assert server.requests[0].headers["authorization"] == "Bearer sk-client"


class Parrot:
    """A text model that the caller passes to the plugin."""

    def __init__(self) -> None:
        self.asked: list[TextRequest] = []

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        self.asked.append(request)
        return TextResponse(text="squawk", model="parrot")


async def test_a_model_passed_in_answers_and_goes_by_its_own_name(
    server: ScriptedModelServer, stack: AsyncExitStack
) -> None:
    parrot = Parrot()
    settings = Settings(openai_base_url=server.base_url)
    runtime = Runtime(stack, settings, TEXT_LARGE_MODEL="named")
    models = (await opened(get_openai_plugin(text=parrot), runtime)).models

    assert await call(models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"})) == "squawk"
    await call(models[ModelType.TEXT_LARGE], (runtime, {"prompt": "Hello"}))

    assert [each.model for each in parrot.asked] == [None, "named"]
    assert server.request_count == 0


async def test_a_missing_key_names_the_setting(stack: AsyncExitStack) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as caught:
        await opened(get_openai_plugin(), Runtime(stack, Settings()))

    assert caught.value.name == "OPENAI_API_KEY"


async def test_a_server_on_this_machine_needs_no_key(server: ScriptedModelServer, stack: AsyncExitStack) -> None:
    runtime = Runtime(stack, Settings(openai_base_url=server.base_url))
    models = (await opened(get_openai_plugin(), runtime)).models

    assert await call(models[ModelType.TEXT_SMALL], (runtime, {"prompt": "Hello"}))
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("name", "value"), [("OPENAI_BASE_URL", "nowhere"), ("OPENAI_TRANSPORT", "pigeon"), ("OPENAI_API_KEY", "sk 1")]
)
async def test_a_malformed_setting_of_the_character_is_named(stack: AsyncExitStack, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await opened(get_openai_plugin(), Runtime(stack, Settings(), **{"OPENAI_API_KEY": "sk-1", name: value}))

    assert caught.value.name == name


async def test_a_runtime_that_was_not_initialized_is_told_so(stack: AsyncExitStack) -> None:
    with pytest.raises(PluginError):
        await call(get_openai_plugin().models[ModelType.TEXT_SMALL], (Runtime(stack, Settings()), {"prompt": "Hello"}))


async def test_a_key_is_checked(server: ScriptedModelServer, stack: AsyncExitStack) -> None:
    server.api_key = "sk-1"
    settings = Settings(openai_base_url=server.base_url)

    assert await check_key(Runtime(stack, settings, OPENAI_API_KEY="sk-1"))
    assert not await check_key(Runtime(stack, settings, OPENAI_API_KEY="sk-2"))
    assert not await check_key(Runtime(stack, Settings()))
    server.stop()
    with pytest.raises(ModelUnavailable):
        await check_key(Runtime(stack, settings, OPENAI_API_KEY="sk-1"))


async def test_images_are_drawn(server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings) -> None:
    runtime = Runtime(stack, settings)
    draw = (await opened(get_openai_plugin(), runtime)).models[ModelType.IMAGE]
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
    server.script(
        json_answer({"created": 1, "data": [{"url": "https://images.example/1.png"}, {"b64_json": png}]}),
        path="/images/generations",
    )

    images = await draw(runtime, {"prompt": "a mayfly", "count": 2, "size": "1024x1024"})

    assert images == [{"url": "https://images.example/1.png"}, {"url": f"data:image/png;base64,{png}"}]
    assert server.requests[0].json["n"] == 2
    with pytest.raises(InvalidInput, match=r"params\.prompt"):
        await draw(runtime, {"prompt": ""})


async def test_images_are_described(server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings) -> None:
    runtime = Runtime(stack, settings)
    describe = (await opened(get_openai_plugin(), runtime)).models[ModelType.IMAGE_DESCRIPTION]
    server.script(Reply(text=json.dumps({"title": "A cat", "description": "It sleeps."})), Reply(text="Just a cat"))

    assert await describe(runtime, "https://images.example/1.png") == {"title": "A cat", "description": "It sleeps."}
    assert await describe(runtime, {"imageUrl": "data:image/png;base64,AA=="}) == {
        "title": "Image",
        "description": "Just a cat",
    }
    assert server.chats[0]["messages"][0]["content"][1]["image_url"] == {"url": "https://images.example/1.png"}


async def test_speech_is_written_down_and_spoken(
    server: ScriptedModelServer, stack: AsyncExitStack, settings: Settings
) -> None:
    runtime = Runtime(stack, settings)
    models = (await opened(get_openai_plugin(), runtime)).models
    server.script(json_answer({"text": "good morning"}), path="/audio/transcriptions")
    server.script(raw(b"RIFFsound", headers={"content-type": "audio/wav"}), path="/audio/speech")

    assert await call(models[ModelType.TRANSCRIPTION], (runtime, b"RIFFsound")) == "good morning"
    assert (
        await call(models[ModelType.TEXT_TO_SPEECH], (runtime, {"text": "good morning", "format": "wav"}))
        == b"RIFFsound"
    )
    assert b"RIFFsound" in server.requests[0].body
    assert server.requests[1].json["response_format"] == "wav"
    with pytest.raises(InvalidInput, match=r"params\.audio"):
        await call(models[ModelType.TRANSCRIPTION], (runtime, {"audio": "not bytes"}))
