"""Embedding jobs: what lies on an embedding queue, and what the memory itself says when its turn comes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import from_json

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import InvalidInput


class Priority(StrEnum):
    """How soon work is wanted; `high` never waits for the others."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def as_priority(value: str) -> Priority:
    """Read a priority.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return Priority(value)
    except ValueError as error:
        raise InvalidInput(f"expected high, normal or low, got {value!r}", path="priority") from error


def content_hash(text: str) -> str:
    """Which text an embedding is of: its SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingJob:
    """A memory that waits for its embedding.

    Attributes:
        content_hash: Of the text when it was queued. What is embedded is the text that is there when it is drained.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    agent_id: UUID
    memory_id: UUID
    content_hash: str

    def body(self) -> str:
        """The job as a queue carries it."""
        return encode_json({"agent_id": self.agent_id, "memory_id": self.memory_id, "content_hash": self.content_hash})


def parse_embedding_job(body: str) -> EmbeddingJob:
    """Read a job.

    Raises:
        InvalidInput: It is none.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise InvalidInput(f"the embedding job is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected an embedding job as an object, got a {type(value).__name__}")
    return coerce(EmbeddingJob, dict(value), name="embedding job")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEmbedding:
    """A memory that wants an embedding, as it is now.

    Attributes:
        content_hash: Of `text`.
        is_embedded: The model has embedded this very text already.
        age_s: Since the memory came to be, by the store's clock; only `EmbeddingStore.wanted` says it.
    """

    memory_id: UUID
    text: str
    content_hash: str
    is_embedded: bool = False
    age_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEmbedding:
    """An embedding that a model made of the text with this hash; `vector` has shape `(dim,)`."""

    memory_id: UUID
    content_hash: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFailure:
    """A text that no embedding can be made of, and why; it is not tried again before it changes."""

    memory_id: UUID
    content_hash: str
    reason: str
