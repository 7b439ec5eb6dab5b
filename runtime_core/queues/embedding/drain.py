"""Drain: embeds memories by id, in as few model calls as possible."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeAlias
from uuid import UUID, uuid5

from runtime_core.domain.embedding_job import EmbeddingFailure, MadeEmbedding, Priority, WantedEmbedding
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory, MemoryType
from runtime_core.errors import (
    DeadlineExceeded,
    DimensionMismatch,
    MayflyError,
    ModelAuthenticationFailed,
    ModelNotFound,
    ModelRateLimited,
    ModelRequestRejected,
    StoreUnavailable,
)
from runtime_core.ports import EmbeddingStore, MemoryStore
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, QueueLimits, RetryPolicy, Verdict
from runtime_core.queues.embedding.packing import EmbeddingLimits, cut, estimate_tokens
from runtime_core.support.deadline import current_deadline

log = logging.getLogger(__name__)

Embed: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[tuple[float, ...]]]]

CALLS_AT_ONCE = 2  # stores one result during the next call
SHORT_S = 5.0  # with less time left, no further call starts
SHORT_SHARE = 0.1  # of the remaining time, for events with a short deadline
ROUNDS = 3  # attempts at a text that changes during its embedding
_REFUSED = frozenset({400, 413, 422})  # statuses about the input itself; 404 and 409 are not
_SMALLEST_FRAGMENT = 128  # tokens; a refusal of a text of this size is not about its length
_REASON_LIMIT = 500
_PROBE = "Hello"
_IMMEDIATELY_S = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRetry:
    """Retry of one memory.

    Attributes:
        error: Reason for the retry.
        after_s: Seconds until the retry; None leaves the delay to the queue.
    """

    error: MayflyError
    after_s: float | None = None


@dataclass(slots=True, kw_only=True)
class DrainReport:
    """Result of a drain.

    Attributes:
        retries: Memories to retry. All others are done: embedded, refused permanently, or deleted.
        embedded: Memories whose embeddings were stored, including fragments.
        refused: Reason for each memory that the model refused permanently.
        skipped: Number of memories that needed no model call: empty, already embedded, or no longer wanted.
        calls: Number of model calls, including failed ones.
        lag_ms: Age of the oldest memory when its embedding was stored; None if no embedding was stored.
    """

    retries: dict[UUID, EmbeddingRetry] = field(default_factory=dict)
    embedded: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)
    skipped: int = 0
    calls: int = 0
    lag_ms: float | None = None


class Drain:
    """Drain of one batch of jobs of one agent.

    Args:
        embed: Makes one model call, without retries.
        model: Name under which the vectors are stored.
    """

    def __init__(
        self,
        agent_id: UUID,
        *,
        store: EmbeddingStore,
        memories: MemoryStore,
        embed: Embed,
        model: str,
        limits: EmbeddingLimits | None = None,
    ) -> None:
        self._agent_id = agent_id
        self._store = store
        self._memories = memories
        self._embed = embed
        self._model = model
        self._limits = limits or EmbeddingLimits()
        self._report = DrainReport()
        self._stopped: MayflyError | None = None
        self._model_works = False  # whether the model embedded a text in this drain
        self._changed: list[UUID] = []
        self._fragments: list[UUID] = []
        self._done: set[UUID] = set()
        self._read_at_s = 0.0
        limit = current_deadline()
        self._short_s = min(SHORT_S, limit.remaining_s() * SHORT_SHARE) if limit else 0.0

    async def run(self, ids: Iterable[UUID], priority: Priority = Priority.NORMAL) -> DrainReport:
        """Embed those memories that still want an embedding, within the deadline.

        Args:
            priority: Priority of the fragments of a long text.

        Raises:
            StoreError: The texts could not be read; nothing was embedded.
        """
        pending = list(dict.fromkeys(ids))
        for _ in range(ROUNDS):
            pending = await self._round(pending, priority)
            if not pending or self._stopped is not None:
                break
        changing = StoreUnavailable("the text changed during each attempt to embed it")
        for memory_id in pending:
            self._retry(memory_id, self._stopped or changing)
        return self._report

    async def _round(self, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        """Embed the wanted memories once.

        Returns:
            Memories whose text changed, and the fragments of texts that were too long.
        """
        self._changed, self._fragments = [], []
        wanted = await self._store.wanted(self._agent_id, ids, model=self._model)
        self._read_at_s = time.monotonic()
        self._report.skipped += len(ids) - len(wanted)
        done = [each for each in wanted if each.is_embedded or not each.text.strip()]
        if done:
            self._changed += await self._store.settle(self._agent_id, done)
            self._report.skipped += len(done)
        settled = {each.memory_id for each in done}
        await self._embed_all([each for each in wanted if each.memory_id not in settled], priority)
        return [*self._changed, *self._fragments]

    async def _embed_all(self, wanted: Sequence[WantedEmbedding], priority: Priority) -> None:
        queue: BatchQueue[WantedEmbedding] = BatchQueue(
            self._process,
            limits=QueueLimits(
                batch_size=self._limits.inputs,
                batch_weight=self._limits.tokens_per_call,
                concurrency=CALLS_AT_ONCE,
                capacity=max(1, len(wanted)),
            ),
            retry=RetryPolicy(attempts=1),
            weigh=lambda each: estimate_tokens(each.text),
            on_failed=lambda each, error: self._retry(each.memory_id, error),
        )
        for each in wanted:
            if estimate_tokens(each.text) > self._limits.tokens_per_input:
                await self._cut(each, self._limits.tokens_per_fragment, priority)
            else:
                await queue.put(each, priority)
        await queue.drain()

    async def _process(self, batch: Sequence[WantedEmbedding]) -> list[Verdict]:
        try:
            await self._attempt(batch)
        except MayflyError as error:
            if _fails_every_call(error):
                self._stopped = error
            return [None if each.memory_id in self._done else Failed(error) for each in batch]
        return [None] * len(batch)

    async def _attempt(self, batch: Sequence[WantedEmbedding]) -> None:
        """Embed and store a batch; after a refusal, try each half.

        Raises:
            MayflyError: The memories that are not in `self._done` failed.
        """
        try:
            vectors = await self._call_model([each.text for each in batch])
        except ModelRequestRejected as error:
            if error.status not in _REFUSED:
                raise
            await self._check_model()
            if len(batch) == 1:
                await self._handle_refusal(batch[0], error)
                return
            middle = len(batch) // 2
            await self._attempt(batch[:middle])
            await self._attempt(batch[middle:])
            return
        made = [
            MadeEmbedding(memory_id=each.memory_id, content_hash=each.content_hash, vector=vector)
            for each, vector in zip(batch, vectors, strict=True)
        ]
        changed = await self._store.keep(self._agent_id, made, model=self._model)
        self._changed += changed
        stale = set(changed)
        for each in batch:
            if each.memory_id not in stale:
                self._report.embedded.append(each.memory_id)
                lag_ms = round((each.age_s + time.monotonic() - self._read_at_s) * 1000, 3)
                self._report.lag_ms = max(lag_ms, self._report.lag_ms or 0.0)
        self._done.update(each.memory_id for each in batch)

    async def _call_model(self, texts: Sequence[str]) -> Sequence[tuple[float, ...]]:
        if self._stopped is not None:
            raise self._stopped
        limit = current_deadline()
        if limit is not None and limit.remaining_s() <= self._short_s:
            raise DeadlineExceeded("the time left is too short for another model call")
        self._report.calls += 1
        vectors = await self._embed(texts)
        self._model_works = True
        return vectors

    async def _check_model(self) -> None:
        """Check that the model embeds a plain word.

        Does nothing once the model has embedded a text.

        A model that refuses every text is misconfigured, so its refusals must not mark memories as failed.

        Raises:
            ModelError: The model refused the word.
        """
        if not self._model_works:
            try:
                await self._call_model([_PROBE])
            except ModelRequestRejected as error:
                self._stopped = error
                raise

    async def _handle_refusal(self, wanted: WantedEmbedding, error: ModelRequestRejected) -> None:
        """Mark a refused text as failed, or cut it.

        It is cut if it may be too long.
        """
        tokens = estimate_tokens(wanted.text)
        if tokens > self._limits.tokens_per_input // 2 and tokens // 2 >= _SMALLEST_FRAGMENT:
            await self._cut(wanted, min(tokens // 2, self._limits.tokens_per_fragment), Priority.LOW)
        else:
            reason = str(error)[:_REASON_LIMIT]
            failure = EmbeddingFailure(memory_id=wanted.memory_id, content_hash=wanted.content_hash, reason=reason)
            changed = await self._store.fail(self._agent_id, [failure])
            self._changed += changed
            if not changed:
                self._report.refused[wanted.memory_id] = reason
            fields = {"agent_id": str(self._agent_id), "memory_id": str(wanted.memory_id), "reason": reason}
            log.warning("text refused by the embedding model", extra=fields)
        self._done.add(wanted.memory_id)

    async def _cut(self, wanted: WantedEmbedding, tokens: int, priority: Priority) -> None:
        """Store fragments to embed in place of a long text."""
        found = await self._memories.get(self._agent_id, [wanted.memory_id])
        fragments = [each for document in found for each in _make_fragments(document, wanted, tokens)]
        if found and await self._store.keep_fragments(self._agent_id, wanted, fragments, priority):
            self._fragments += [each.id for each in fragments]
        elif found:
            self._changed.append(wanted.memory_id)

    def _retry(self, memory_id: UUID, error: MayflyError) -> None:
        after_s = error.retry_after_s
        if after_s is None and isinstance(error, DeadlineExceeded | StoreUnavailable):
            after_s = _IMMEDIATELY_S
        self._report.retries[memory_id] = EmbeddingRetry(error=error, after_s=after_s)


def _make_fragments(document: Memory, wanted: WantedEmbedding, tokens: int) -> list[Memory]:
    """Make fragments of a text, with ids derived from text and size."""
    named: Mapping[str, object] = {"document_id": str(document.id), "type": "fragment"}
    return [
        replace(
            document,
            id=uuid5(document.id, f"{wanted.content_hash}/{tokens}/{position}"),
            table=MemoryType.FRAGMENT.value,
            content=Content(text=text, source=document.content.source),
            metadata={**named, "position": position},
            embedding=None,
        )
        for position, text in enumerate(cut(wanted.text, tokens))
    ]


def _fails_every_call(error: MayflyError) -> bool:
    """Check whether an error would fail the next call as well.

    Such errors are a rate limit, a wrong setting and an exceeded deadline.
    """
    if isinstance(error, ModelRequestRejected):
        return error.status not in _REFUSED
    return isinstance(
        error, ModelRateLimited | ModelAuthenticationFailed | ModelNotFound | DimensionMismatch | DeadlineExceeded
    )
