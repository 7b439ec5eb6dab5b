"""Backfill: embeds under another model what one model embedded before, while that one goes on serving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from runtime_core.errors import MayflyError, ModelRequestRejected
from runtime_core.ports import EmbeddingStore
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, QueueLimits, RetryPolicy, Verdict
from runtime_core.queues.embedding.job import MadeEmbedding, Priority, WantedEmbedding
from runtime_core.queues.embedding.packing import EmbeddingLimits, estimate_tokens

Embed: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[tuple[float, ...]]]]

PAGE = 500
BATCH = 256  # texts of a call: 12 MiB of vectors at 1,536 dimensions
CALLS_AT_ONCE = 2


@dataclass(slots=True, kw_only=True)
class BackfillReport:
    """What a backfill came to; `failed` gives the reason for each memory that still lacks the new embedding."""

    embedded: int = 0
    failed: dict[UUID, str] = field(default_factory=dict)


class Backfill:
    """Embeds one agent's memories anew; run again after it was stopped, it goes on with what is missing.

    Args:
        embed: One call of the new model; retries nothing itself.
        model: The name under which its vectors are stored, beside those of the old one.
        on_embedded: Told how many memories were embedded by each call.
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
        """Embed everything that the model lacks.

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
            on_failed=self._failed,
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
            half = len(batch) // 2  # finds the text that the model refuses without asking for each
            first, second = await self._process(batch[:half]), await self._process(batch[half:])
            return [*(first or [None] * half), *(second or [None] * (len(batch) - half))]
        made = [
            MadeEmbedding(memory_id=each.memory_id, content_hash=each.content_hash, vector=vector)
            for each, vector in zip(batch, vectors, strict=True)
        ]
        changed = await self._store.keep(self._agent_id, made, model=self._model)  # those want one of their own
        self._report.embedded += len(made) - len(changed)
        self._on_embedded(len(made) - len(changed))
        return None

    def _failed(self, wanted: WantedEmbedding, error: MayflyError) -> None:
        self._report.failed[wanted.memory_id] = str(error)
