"""Which vectors belong together: those that one embedding model made. An agent keeps and compares no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from runtime_core.domain.chat import EmbeddingResponse, ModelType
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.errors import DimensionMismatch, ModelAnswerMalformed, ModelError, told_as
from runtime_core.plugin_api import Context, ModelHandler


class Asker(Protocol):
    """What of a runtime asks models."""

    def get_setting(self, key: str, default: Any = None) -> Any:
        """As `AgentRuntime.get_setting`."""

    async def use_model(
        self, model_type: str, params: Any, provider: str | None = None, *, max_retries: int | None = None
    ) -> Any:
        """As `AgentRuntime.use_model`."""


def space_of(handler: ModelHandler, runtime: Context) -> EmbeddingSpace:
    """Where a handler's vectors lie; one that does not tell goes by EMBEDDING_MODEL.

    Raises:
        ModelError: Its plugin failed to tell; names it.
    """
    if handler.embedding_space is None:
        name = str(runtime.get_setting("EMBEDDING_MODEL", "") or handler.provider)
        return EmbeddingSpace(model=name, provider=handler.provider, takes_batches=False)
    with told_as(ModelError, f"model provider {handler.provider!r}: embedding space"):
        return replace(handler.embedding_space(runtime), provider=handler.provider)


async def embed_texts_in(
    space: EmbeddingSpace, runtime: Asker, texts: Sequence[str], *, max_retries: int | None = None
) -> EmbeddingResponse:
    """Embed texts, none of them blank, by the space's own provider: one model call, or one for each text.

    Raises:
        ModelError: The provider failed.
        ModelAnswerMalformed: It gave another number of vectors than there were texts.
        DimensionMismatch: Its vectors do not have the space's dimension, or not all the same.
    """
    response = await _answered(space, runtime, texts, max_retries)
    if len(response.vectors) != len(texts):
        raise ModelAnswerMalformed(f"{space.model} gave {len(response.vectors)} vectors for {len(texts)} texts")
    found = {len(vector) for vector in response.vectors}
    wanted = space.dimension or min(found, default=0)
    if other := sorted(found - {wanted}):
        raise DimensionMismatch(
            f"the embedding model {space.model!r} answers with {other[0]} dimensions, {wanted} are expected: "
            "EMBEDDING_DIMENSION has to be the model's"
        )
    return response


async def _answered(
    space: EmbeddingSpace, runtime: Asker, texts: Sequence[str], max_retries: int | None
) -> EmbeddingResponse:
    provider = space.provider or None
    if space.takes_batches:
        answer = await runtime.use_model(
            ModelType.TEXT_EMBEDDING, {"texts": list(texts)}, provider, max_retries=max_retries
        )
        if isinstance(answer, EmbeddingResponse):
            return answer
        raise ModelAnswerMalformed(f"the provider {space.provider!r} gave no embeddings")
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
        raise ModelAnswerMalformed("an embedding is a list of numbers") from error
