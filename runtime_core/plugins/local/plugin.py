"""The local provider: answers without account, key or network, after every other provider."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from runtime_core.agent.model_params import Vector, embed_texts, write_text
from runtime_core.domain.chat import EmbeddingResponse, ModelType, TextResponse
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.plugin_api import ModelCallable, Plugin
from runtime_core.ports import EmbeddingModel, TextModel

MODEL_PRIORITY = -10  # any other provider's model is tried first


def get_local_plugin(*, text: TextModel | None = None, embedding: EmbeddingModel | None = None) -> Plugin:
    """Make the plugin; it embeds when the word vectors are installed.

    Args:
        text: Answers the text types; the rule-based conversation when it is left out.
        embedding: Answers the embedding type; word vectors when it is left out.
    """
    models: dict[str, ModelCallable] = dict.fromkeys((ModelType.TEXT_SMALL, ModelType.TEXT_LARGE), _text_handler(text))
    if embedding is not None or find_spec("wordllama") is not None:
        models[ModelType.TEXT_EMBEDDING] = _embedding_handler(embedding)
    return Plugin(
        name="local",
        description="Answers by rules and embeds by word vectors: offline, without a key.",
        models=models,
        model_priority=MODEL_PRIORITY,
        embedding_space=_word_vectors if embedding is None else _lent_model,
        priority=-50,
    )


# As `adapters.local.embedding` has them, which is imported only by who embeds.
def _word_vectors(_runtime: object) -> EmbeddingSpace:
    return EmbeddingSpace(model="wordllama-l2-supercat-256", dimension=256)


def _lent_model(_runtime: object) -> EmbeddingSpace:
    return EmbeddingSpace(model="local")


def _text_handler(model: TextModel | None) -> ModelCallable:
    async def write(runtime: object, params: Mapping[str, Any] | str) -> TextResponse | str:
        nonlocal model
        if model is None:
            model = _open_text_model()
        return await write_text(model, params)

    return write


def _embedding_handler(model: EmbeddingModel | None) -> ModelCallable:
    async def embed(runtime: object, params: Mapping[str, Any] | str) -> Vector | EmbeddingResponse:
        nonlocal model
        if model is None:
            model = _open_embedding_model()
        return await embed_texts(model, params)

    return embed


def _open_text_model() -> TextModel:
    from runtime_core.adapters.local.text_model import LocalTextModel  # noqa: PLC0415 - only who uses it pays for it

    return LocalTextModel()


def _open_embedding_model() -> EmbeddingModel:
    from runtime_core.adapters.local.embedding import LocalEmbeddingModel  # noqa: PLC0415 - as above

    return LocalEmbeddingModel()
