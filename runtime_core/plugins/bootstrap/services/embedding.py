"""The service EMBEDDING: vectors of texts, made by the runtime's embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar

from runtime_core.domain.chat import EmbeddingResponse, ModelType
from runtime_core.plugin_api import Service, ServiceType

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context
    from runtime_core.queues.embedding.worker import EmbeddingWorker


class EmbeddingService(Service):
    """Embeds texts; what is queued for later goes through the runtime's own verbs."""

    service_type: ClassVar[str] = ServiceType.EMBEDDING

    def __init__(self, runtime: Context) -> None:
        self._runtime = runtime
        self._worker: EmbeddingWorker | None = None
        if not runtime.is_ephemeral:  # it lives on between messages: what is queued can be done in this process
            from runtime_core.queues.embedding.worker import EmbeddingWorker  # noqa: PLC0415 - an ephemeral runtime needs none

            self._worker = runtime.embedding_worker = EmbeddingWorker(lambda _: nullcontext(runtime))

    @classmethod
    async def start(cls, runtime: Context) -> EmbeddingService:
        return cls(runtime)

    async def stop(self) -> None:
        """Embed what is wanted soon; the rest is done when the database is used next."""
        if self._worker is not None:
            self._runtime.embedding_worker = None
            await self._worker.close()

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
