"""Embedding space: the vectors of one embedding model.

An agent stores and compares only vectors of its own space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from runtime_core.domain.chat import EmbeddingResponse, ModelType
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.errors import DimensionMismatch, ModelAnswerMalformed, ModelError, told_as
from runtime_core.plugin_api import Context, ModelHandler


class Asker(Protocol):
    """Part of a runtime that calls models."""

    def get_setting(self, key: str, default: Any = None) -> Any:
        """See `AgentRuntime.get_setting`."""

    async def use_model(
        self, model_type: str, params: Any, provider: str | None = None, *, max_retries: int | None = None
    ) -> Any:
        """See `AgentRuntime.use_model`."""


def space_of(handler: ModelHandler, runtime: Context) -> EmbeddingSpace:
    """Return the embedding space of a model handler.

    A handler without `embedding_space` is identified by the setting EMBEDDING_MODEL, else by its provider.

    Raises:
        ModelError: The handler's `embedding_space` failed; names the provider.
    """
    if handler.embedding_space is None:
        name = str(runtime.get_setting("EMBEDDING_MODEL", "") or handler.provider)
        return EmbeddingSpace(model=name, provider=handler.provider, takes_batches=False)
    with told_as(ModelError, f"model provider {handler.provider!r}: embedding space"):
        return replace(handler.embedding_space(runtime), provider=handler.provider)


async def embed_texts_in(
    space: EmbeddingSpace, runtime: Asker, texts: Sequence[str], *, max_retries: int | None = None
) -> EmbeddingResponse:
    """Embed non-blank texts with the space's own provider.

    Makes one model call, or one per text if the provider takes no batches.

    Raises:
        ModelError: The provider failed.
        ModelAnswerMalformed: The number of vectors differs from the number of texts.
        DimensionMismatch: The vectors' dimensions differ from the space's, or from each other.
    """
    response = await _request_vectors(space, runtime, texts, max_retries)
    if len(response.vectors) != len(texts):
        raise ModelAnswerMalformed(f"{space.model} returned {len(response.vectors)} vectors for {len(texts)} texts")
    found = {len(vector) for vector in response.vectors}
    wanted = space.dimension or min(found, default=0)
    if other := sorted(found - {wanted}):
        raise DimensionMismatch(
            f"embedding model {space.model!r} returned vectors of {other[0]} dimensions, expected {wanted}: "
            "set EMBEDDING_DIMENSION to the model's dimension"
        )
    return response


async def _request_vectors(
    space: EmbeddingSpace, runtime: Asker, texts: Sequence[str], max_retries: int | None
) -> EmbeddingResponse:
    provider = space.provider or None
    if space.takes_batches:
        answer = await runtime.use_model(
            ModelType.TEXT_EMBEDDING, {"texts": list(texts)}, provider, max_retries=max_retries
        )
        if isinstance(answer, EmbeddingResponse):
            return answer
        raise ModelAnswerMalformed(f"provider {space.provider!r} returned no embeddings")
    answers = [
        await runtime.use_model(ModelType.TEXT_EMBEDDING, {"text": text}, provider, max_retries=max_retries)
        for text in texts
    ]
    return EmbeddingResponse(vectors=tuple(_vector(each) for each in answers), model=space.model)


def _vector(answer: Any) -> tuple[float, ...]:
    if isinstance(answer, EmbeddingResponse):
        answer = answer.vectors[0]
    try:
        return tuple(float(each) for each in answer)
    except (TypeError, ValueError) as error:
        raise ModelAnswerMalformed("an embedding must be a list of numbers") from error
