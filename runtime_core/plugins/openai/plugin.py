"""The plugin `openai`: all model types of an OpenAI-compatible provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runtime_core.agent.model_params import Vector, embed_texts, write_text
from runtime_core.domain.chat import EmbeddingResponse, ModelType, TextResponse
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.errors import PluginError
from runtime_core.plugin_api import ModelCallable, Plugin
from runtime_core.plugins.openai.access import Access, PluginRuntime, embedding_dimension, embedding_space
from runtime_core.plugins.openai.check import check_key
from runtime_core.plugins.openai.objects import write_object
from runtime_core.plugins.openai.provider import Overrides, Provider
from runtime_core.plugins.openai.transport import open_transport
from runtime_core.ports import EmbeddingModel, TextModel

if TYPE_CHECKING:
    import openai

    from runtime_core.adapters.http_client import HttpClient

_SETTINGS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_TRANSPORT",
    "TEXT_SMALL_MODEL",
    "TEXT_LARGE_MODEL",
    "EMBEDDING_MODEL",
    "EMBEDDING_DIMENSION",
)


def get_openai_plugin(
    *,
    text: TextModel | None = None,
    embedding: EmbeddingModel | None = None,
    http: HttpClient | None = None,
    client: openai.AsyncOpenAI | None = None,
) -> Plugin:
    """Build the plugin, which serves several runtimes with their own settings.

    Args:
        text: Model for the text and object types, instead of the API.
        embedding: Model for TEXT_EMBEDDING, instead of the API.
        http: HTTP client of the caller, never closed here; by default the deployment's or the runtime's.
        client: Client of the `openai` package for all calls; owned by the caller, never closed here.
    """
    models = _OpenAIModels(Overrides(text=text, embedding=embedding, http=http, client=client))
    return Plugin(
        name="openai",
        description="Text, objects, embeddings, images and speech from any OpenAI-compatible provider",
        init=models.open,
        models=models.handlers(),
        embedding_space=embedding_space if embedding is None else _given_model_space,
        check_key=check_key,
        priority=-50,
        settings=_SETTINGS,
    )


def _given_model_space(runtime: PluginRuntime) -> EmbeddingSpace:
    """Read the embedding space; the caller's model determines the default dimension."""
    return replace(embedding_space(runtime), dimension=embedding_dimension(runtime))


class _OpenAIModels:
    """The handlers, with one provider for each runtime; holds runtimes weakly."""

    def __init__(self, overrides: Overrides) -> None:
        self._overrides = overrides
        self._providers: WeakKeyDictionary[PluginRuntime, Provider] = WeakKeyDictionary()

    async def open(self, _: Mapping[str, Any], runtime: PluginRuntime) -> None:
        """Validate the settings, without a request.

        Raises:
            SettingsError: A setting is malformed, or OPENAI_API_KEY is missing.
        """
        access = Access.read(runtime)
        if self._overrides.needs_key:
            access.require_key()
        self._providers[runtime] = Provider(access, self._overrides, await self._find_http(runtime))

    async def _find_http(self, runtime: PluginRuntime) -> Callable[[], Awaitable[HttpClient]]:
        http = self._overrides.http
        if http is None:
            return (await runtime.shared(open_transport)).http

        async def given_http() -> HttpClient:
            return http

        return given_http

    def handlers(self) -> Mapping[str, ModelCallable]:
        return {
            ModelType.TEXT_SMALL: self._text_small,
            ModelType.TEXT_LARGE: self._text_large,
            ModelType.TEXT_EMBEDDING: self._embedding,
            ModelType.OBJECT_SMALL: self._object_small,
            ModelType.OBJECT_LARGE: self._object_large,
            ModelType.IMAGE: self._image,
            ModelType.IMAGE_DESCRIPTION: self._image_description,
            ModelType.TRANSCRIPTION: self._transcription,
            ModelType.TEXT_TO_SPEECH: self._speech,
        }

    def _provider(self, runtime: PluginRuntime) -> Provider:
        provider = self._providers.get(runtime)
        if provider is None:
            raise PluginError("plugin 'openai' is not initialized for this runtime: initialize the runtime first")
        return provider

    async def _text_small(self, runtime: PluginRuntime, params: Any) -> TextResponse | str:
        return await write_text(await self._provider(runtime).text(runtime, "TEXT_SMALL_MODEL"), params)

    async def _text_large(self, runtime: PluginRuntime, params: Any) -> TextResponse | str:
        return await write_text(await self._provider(runtime).text(runtime, "TEXT_LARGE_MODEL"), params)

    async def _embedding(self, runtime: PluginRuntime, params: Any) -> Vector | EmbeddingResponse:
        return await embed_texts(await self._provider(runtime).embedding(runtime), params)

    async def _object_small(self, runtime: PluginRuntime, params: Any) -> dict[str, Any]:
        return await write_object(await self._provider(runtime).text(runtime, "TEXT_SMALL_MODEL"), params)

    async def _object_large(self, runtime: PluginRuntime, params: Any) -> dict[str, Any]:
        return await write_object(await self._provider(runtime).text(runtime, "TEXT_LARGE_MODEL"), params)

    async def _image(self, runtime: PluginRuntime, params: Any) -> list[dict[str, str]]:
        return await (await self._provider(runtime).media()).images(params)

    async def _image_description(self, runtime: PluginRuntime, params: Any) -> dict[str, str]:
        return await (await self._provider(runtime).media()).describe_image(params)

    async def _transcription(self, runtime: PluginRuntime, params: Any) -> str:
        return await (await self._provider(runtime).media()).transcribe(params)

    async def _speech(self, runtime: PluginRuntime, params: Any) -> bytes:
        return await (await self._provider(runtime).media()).speak(params)
