"""Values of the embedding queues: jobs, priorities, wanted and finished embeddings."""

from __future__ import annotations

import hashlib
from dataclasses import field
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.jobs import parse_body
from runtime_core.domain.values import encode_json
from runtime_core.errors import InvalidInput


class Priority(StrEnum):
    """Priority of work; `high` never waits for the others."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def as_priority(value: str) -> Priority:
    """Parse a priority.

    Raises:
        InvalidInput: The value is not a priority.
    """
    try:
        return Priority(value)
    except ValueError as error:
        raise InvalidInput(f"expected high, normal or low, got {value!r}", path="priority") from error


def content_hash(text: str) -> str:
    """Compute the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingJob:
    """Job to embed one memory.

    Attributes:
        content_hash: Hash of the text at enqueue time. The drain embeds the text that is stored when it runs.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    agent_id: UUID
    memory_id: UUID
    content_hash: str

    def body(self) -> str:
        """Encode the job as the JSON body of a queue message."""
        return encode_json({"agent_id": self.agent_id, "memory_id": self.memory_id, "content_hash": self.content_hash})


def parse_embedding_job(body: str) -> EmbeddingJob:
    """Parse a job of an embedding queue.

    Raises:
        InvalidInput: The body is not such a job.
    """
    return parse_body(EmbeddingJob, body, name="embedding job")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEmbedding:
    """Current state of a memory that wants an embedding.

    Attributes:
        content_hash: Hash of `text`.
        is_embedded: The model has already embedded this text.
        age_s: Seconds since the memory was created, by the store's clock; set by `EmbeddingStore.wanted` only.
    """

    memory_id: UUID
    text: str
    content_hash: str
    is_embedded: bool = False
    age_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEmbedding:
    """Embedding of the text with this hash; `vector` has shape `(dim,)`."""

    memory_id: UUID
    content_hash: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFailure:
    """Text that the model refused; retried only after a change."""

    memory_id: UUID
    content_hash: str
    reason: str
