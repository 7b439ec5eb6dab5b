"""The local provider: the last fallback, without account, key or network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from runtime_core.agent.model_params import Vector, embed_texts, write_text
from runtime_core.domain.chat import EmbeddingResponse, ModelType, TextResponse
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.plugin_api import ModelCallable, Plugin
from runtime_core.ports import EmbeddingModel, TextModel

MODEL_PRIORITY = -10  # the models of other providers are tried first


def get_local_plugin(*, text: TextModel | None = None, embedding: EmbeddingModel | None = None) -> Plugin:
    """Build the plugin; it embeds if the word vectors are installed.

    Args:
        text: Model for the text types; by default the rule-based conversation.
        embedding: Model for the embedding type; by default word vectors.
    """
    models: dict[str, ModelCallable] = dict.fromkeys(
        (ModelType.TEXT_SMALL, ModelType.TEXT_LARGE), _make_text_handler(text)
    )
    if embedding is not None or find_spec("wordllama") is not None:
        models[ModelType.TEXT_EMBEDDING] = _make_embedding_handler(embedding)
    return Plugin(
        name="local",
        description="Answers by rules and embeds by word vectors: offline, without a key.",
        models=models,
        model_priority=MODEL_PRIORITY,
        embedding_space=_word_vector_space if embedding is None else _given_model_space,
        priority=-50,
    )


# Repeats a constant of `adapters.local.embedding`, whose import only embedding calls should pay for.
def _word_vector_space(_runtime: object) -> EmbeddingSpace:
    return EmbeddingSpace(model="wordllama-l2-supercat-256", dimension=256)


def _given_model_space(_runtime: object) -> EmbeddingSpace:
    return EmbeddingSpace(model="local")


def _make_text_handler(model: TextModel | None) -> ModelCallable:
    async def write(runtime: object, params: Mapping[str, Any] | str) -> TextResponse | str:
        nonlocal model
        if model is None:
            model = _open_text_model()
        return await write_text(model, params)

    return write


def _make_embedding_handler(model: EmbeddingModel | None) -> ModelCallable:
    async def embed(runtime: object, params: Mapping[str, Any] | str) -> Vector | EmbeddingResponse:
        nonlocal model
        if model is None:
            model = _open_embedding_model()
        return await embed_texts(model, params)

    return embed


def _open_text_model() -> TextModel:
    from runtime_core.adapters.local.text_model import LocalTextModel  # noqa: PLC0415 - loaded on the first call

    return LocalTextModel()


def _open_embedding_model() -> EmbeddingModel:
    from runtime_core.adapters.local.embedding import LocalEmbeddingModel  # noqa: PLC0415 - as above

    return LocalEmbeddingModel()
