"""The service EMBEDDING: embeddings of texts by the runtime's model."""

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
    """Embedding of texts; to enqueue memories, use the runtime's methods."""

    service_type: ClassVar[str] = ServiceType.EMBEDDING

    def __init__(self, runtime: Context) -> None:
        self._runtime = runtime
        self._worker: EmbeddingWorker | None = None
        if not runtime.is_ephemeral:  # a long-running process embeds queued memories itself
            from runtime_core.queues.embedding.worker import EmbeddingWorker  # noqa: PLC0415 - not needed by an ephemeral runtime

            self._worker = runtime.embedding_worker = EmbeddingWorker(lambda _: nullcontext(runtime))

    @classmethod
    async def start(cls, runtime: Context) -> EmbeddingService:
        return cls(runtime)

    async def stop(self) -> None:
        """Embed urgent memories; the next process embeds the rest."""
        if self._worker is not None:
            self._runtime.embedding_worker = None
            await self._worker.close()

    @property
    def is_available(self) -> bool:
        """Whether a plugin embeds."""
        return self._runtime.embeds

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Embed texts in one call.

        Returns:
            One vector of shape `(dim,)` for each text, in order.

        Raises:
            ModelNotFound: No plugin embeds.
            ModelError: The model call failed.
        """
        given = await self._runtime.use_model(ModelType.TEXT_EMBEDDING, {"texts": list(texts)})
        vectors = given.vectors if isinstance(given, EmbeddingResponse) else given
        return [tuple(vector) for vector in vectors]
