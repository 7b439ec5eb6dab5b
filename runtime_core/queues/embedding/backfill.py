"""Backfill: embeds memories with a new model while the old one serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from runtime_core.domain.embedding_job import MadeEmbedding, Priority, WantedEmbedding
from runtime_core.errors import MayflyError, ModelRequestRejected
from runtime_core.ports import EmbeddingStore
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, QueueLimits, RetryPolicy, Verdict
from runtime_core.queues.embedding.packing import EmbeddingLimits, estimate_tokens

Embed: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[tuple[float, ...]]]]

PAGE = 500
BATCH = 256  # texts per call: 12 MiB of vectors at 1,536 dimensions
CALLS_AT_ONCE = 2


@dataclass(slots=True, kw_only=True)
class BackfillReport:
    """Result of a backfill.

    Attributes:
        embedded: Number of memories with a new embedding.
        failed: Reason for each memory without one.
    """

    embedded: int = 0
    failed: dict[UUID, str] = field(default_factory=dict)


class Backfill:
    """Backfill of one agent's memories; a second run continues a stopped one.

    Args:
        embed: Makes one call of the new model, without retries.
        model: Name under which its vectors are stored, beside those of the old model.
        on_embedded: Called after each model call with the number of embedded memories.
    """

    def __init__(
        self,
        agent_id: UUID,
        *,
        store: EmbeddingStore,
        embed: Embed,
        model: str,
        limits: EmbeddingLimits | None = None,
        on_embedded: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._agent_id = agent_id
        self._store = store
        self._embed = embed
        self._model = model
        self._limits = limits or EmbeddingLimits()
        self._on_embedded = on_embedded
        self._report = BackfillReport()

    async def run(self, *, retry: RetryPolicy | None = None) -> BackfillReport:
        """Embed every memory without an embedding of the model.

        Raises:
            StoreError: The memories could not be read.
        """
        queue: BatchQueue[WantedEmbedding] = BatchQueue(
            self._process,
            limits=QueueLimits(
                batch_size=min(BATCH, self._limits.inputs),
                batch_weight=self._limits.tokens_per_call,
                concurrency=CALLS_AT_ONCE,
                capacity=PAGE,
            ),
            retry=retry or RetryPolicy(attempts=5),
            weigh=lambda each: estimate_tokens(each.text),
            on_failed=self._record_failure,
        )
        working = asyncio.create_task(queue.run(), name="backfill")
        try:
            await self._feed(queue)
            await queue.drain()
        finally:
            await queue.dispose(Priority.LOW)
            await working
        return self._report

    async def _feed(self, queue: BatchQueue[WantedEmbedding]) -> None:
        after: UUID | None = None
        while page := await self._store.lacking(self._agent_id, model=self._model, after=after, limit=PAGE):
            for each in page:
                await queue.put(each, Priority.LOW)
            after = page[-1].memory_id

    async def _process(self, batch: Sequence[WantedEmbedding]) -> Sequence[Verdict] | None:
        try:
            vectors = await self._embed([each.text for each in batch])
        except ModelRequestRejected as error:
            if len(batch) == 1:
                return [Failed(error)]
            half = len(batch) // 2  # halving finds the refused text without a call for each text
            first, second = await self._process(batch[:half]), await self._process(batch[half:])
            return [*(first or [None] * half), *(second or [None] * (len(batch) - half))]
        made = [
            MadeEmbedding(memory_id=each.memory_id, content_hash=each.content_hash, vector=vector)
            for each, vector in zip(batch, vectors, strict=True)
        ]
        changed = await self._store.keep(self._agent_id, made, model=self._model)
        self._report.embedded += len(made) - len(changed)
        self._on_embedded(len(made) - len(changed))
        return None

    def _record_failure(self, wanted: WantedEmbedding, error: MayflyError) -> None:
        self._report.failed[wanted.memory_id] = str(error)
