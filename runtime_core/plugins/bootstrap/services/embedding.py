"""The service EMBEDDING: vectors of texts, made by the runtime's embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from runtime_core.chat import EmbeddingResponse, ModelType
from runtime_core.services import Service, ServiceType

if TYPE_CHECKING:
    from runtime_core.runtime import AgentRuntime


class EmbeddingService(Service):
    """Embeds texts; what is queued for later goes through the runtime's own verbs."""

    service_type: ClassVar[str] = ServiceType.EMBEDDING

    def __init__(self, runtime: AgentRuntime) -> None:
        self._runtime = runtime

    @classmethod
    async def start(cls, runtime: AgentRuntime) -> EmbeddingService:
        return cls(runtime)

    async def stop(self) -> None:
        """Nothing is open here: the model belongs to its plugin."""

    @property
    def is_available(self) -> bool:
        """Whether a model makes embeddings here."""
        return self._runtime.embeds

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Embed texts in one call, in the order given; each vector has shape `(dim,)`.

        Raises:
            ModelNotFound: No plugin makes embeddings.
            ModelError: The model failed.
        """
        given = await self._runtime.use_model(ModelType.TEXT_EMBEDDING, {"texts": list(texts)})
        vectors = given.vectors if isinstance(given, EmbeddingResponse) else given
        return [tuple(vector) for vector in vectors]
