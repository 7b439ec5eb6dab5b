"""The provider of one runtime: selection of adapter and model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from runtime_core.domain.chat import OnDelta, TextRequest, TextResponse
from runtime_core.domain.frozen import dataclass
from runtime_core.plugins.openai.access import Access, PluginRuntime, embedding_dimension, model_name
from runtime_core.ports import EmbeddingModel, TextModel

if TYPE_CHECKING:
    import openai

    from runtime_core.adapters.http_client import HttpClient
    from runtime_core.adapters.openai.media import MediaModel
    from runtime_core.adapters.openai.sdk import SdkModel
    from runtime_core.adapters.openai.wire import WireModel

_Choice: TypeAlias = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Models and clients of the caller, used instead and never closed."""

    text: TextModel | None = None
    embedding: EmbeddingModel | None = None
    http: HttpClient | None = None
    client: openai.AsyncOpenAI | None = None

    @property
    def needs_key(self) -> bool:
        return self.client is None and (self.text is None or self.embedding is None)


class Provider:
    """Factory and cache of models; holds no reference to a runtime.

    Args:
        http: Returns the HTTP client, after it has loaded.
    """

    def __init__(self, access: Access, overrides: Overrides, http: Callable[[], Awaitable[HttpClient]]) -> None:
        self._access = access
        self._overrides = overrides
        self._http = http
        self._models: dict[_Choice, WireModel | SdkModel] = {}

    async def text(self, runtime: PluginRuntime, setting: str) -> TextModel:
        """Return the text model of a setting.

        The caller's model keeps its name unless the setting is set.
        """
        if self._overrides.text is None:
            return await self._model(text=model_name(runtime, setting))
        given = runtime.get_setting(setting)
        return _Named(self._overrides.text, str(given)) if given else self._overrides.text

    async def embedding(self, runtime: PluginRuntime) -> EmbeddingModel:
        """Return the caller's embedding model, or the model of EMBEDDING_MODEL."""
        if self._overrides.embedding is not None:
            return self._overrides.embedding
        return await self._model(
            embedding=model_name(runtime, "EMBEDDING_MODEL"), dimension=embedding_dimension(runtime)
        )

    async def media(self) -> MediaModel:
        """Return the media model, which uses the `openai` package."""
        from runtime_core.adapters.openai.media import MediaModel  # noqa: PLC0415 - loads openai on first use

        return MediaModel(await self._client(), timeout_s=self._access.timeout_s)

    async def _model(
        self, *, text: str = "", embedding: str = "", dimension: int | None = None
    ) -> WireModel | SdkModel:
        choice = (text, embedding, dimension)
        if choice not in self._models:
            self._models[choice] = await self._make(choice)
        return self._models[choice]

    async def _make(self, choice: _Choice) -> WireModel | SdkModel:
        text, embedding, dimension = choice
        if self._overrides.client is None and self._access.transport == "wire":
            self._access.require_key()
            http = await self._http()
            from runtime_core.adapters.openai.wire import WireModel  # noqa: PLC0415 - loaded while the database opens

            return WireModel(
                http,
                base_url=self._access.base_url,
                api_key=self._access.api_key,
                model=text,
                embedding_model=embedding,
                embedding_dimension=dimension,
                timeout_s=self._access.timeout_s,
            )
        from runtime_core.adapters.openai.sdk import SdkModel  # noqa: PLC0415 - loads openai on first use

        return SdkModel(
            await self._client(),
            model=text,
            embedding_model=embedding,
            embedding_dimension=dimension,
            timeout_s=self._access.timeout_s,
        )

    async def _client(self) -> openai.AsyncOpenAI:
        if self._overrides.client is not None:
            return self._overrides.client
        from runtime_core.adapters.openai.sdk import make_client  # noqa: PLC0415 - loads openai on first use

        self._access.require_key()
        return make_client(await self._http(), base_url=self._access.base_url, api_key=self._access.api_key)


class _Named:
    """The caller's model, with the model name of a setting."""

    def __init__(self, model: TextModel, name: str) -> None:
        self._model = model
        self._name = name

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        named = request if request.model else replace(request, model=self._name)
        return await self._model.complete(named, on_delta=on_delta)
