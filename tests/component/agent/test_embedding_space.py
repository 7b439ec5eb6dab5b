"""Embedding space of an agent, and answers that do not fit it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runtime_core.adapters.local import embedding as word_vectors
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.chat import EmbeddingResponse, ModelType
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.errors import DimensionMismatch, ModelAnswerMalformed, ModelNotFound, ModelUnavailable
from runtime_core.plugin_api import Plugin
from runtime_core.plugins.local import get_local_plugin
from runtime_core.plugins.openai import get_openai_plugin
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from tests.model_server import ScriptedModelServer


@asynccontextmanager
async def agent(tmp_path: Path, *plugins: Plugin, **settings: Any) -> AsyncIterator[AgentRuntime]:
    database = SqliteAdapter(tmp_path / "mayfly.db")
    runtime = AgentRuntime(
        character={"name": "Ada", "bio": "Ada counts."},
        plugins=plugins,
        adapter=database,
        settings=Settings(**{"openai_base_url": "http://127.0.0.1:1/v1", "model_max_retries": 0, **settings}),
    )
    try:
        async with runtime:
            yield runtime
    finally:
        await database.close()


def embedder(name: str, answer: Any, **fields: Any) -> Plugin:
    async def embed(_runtime: Any, params: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer(params["texts"]) if callable(answer) else answer

    space = EmbeddingSpace(model=f"{name}-1", dimension=2)
    given = {"model_priority": 5, **fields}
    return Plugin(name=name, models={ModelType.TEXT_EMBEDDING: embed}, embedding_space=lambda _: space, **given)


def two_dimensions(texts: list[str]) -> EmbeddingResponse:
    return EmbeddingResponse(vectors=tuple((1.0, float(len(text))) for text in texts))


async def test_an_openai_space_is_named_by_the_model_and_knows_its_dimension(tmp_path: Path) -> None:
    async with agent(tmp_path, get_openai_plugin()) as runtime:
        assert runtime.embedding_space() == EmbeddingSpace(
            model="text-embedding-3-small", dimension=1536, provider="openai"
        )
        assert runtime.embedding_model() == "text-embedding-3-small"


async def test_the_settings_name_another_model_and_dimension(tmp_path: Path) -> None:
    async with agent(
        tmp_path, get_openai_plugin(), embedding_model="text-embedding-3-large", embedding_dimension=256
    ) as runtime:
        assert runtime.embedding_space() == EmbeddingSpace(
            model="text-embedding-3-large", dimension=256, provider="openai"
        )


async def test_the_local_space_is_that_of_the_word_vectors(tmp_path: Path) -> None:
    async with agent(tmp_path, get_local_plugin()) as runtime:
        space = runtime.embedding_space()
        assert space == EmbeddingSpace(
            model=word_vectors.MODEL_NAME, dimension=word_vectors.DIMENSION, provider="local"
        )


async def test_a_handler_that_tells_nothing_is_asked_for_each_text(tmp_path: Path) -> None:
    async with agent(tmp_path, get_openai_plugin(), embedding_model="mine") as runtime:
        asked: list[Any] = []

        async def embed(_runtime: Any, params: Any) -> list[float]:
            asked.append(params)
            return [1, 2]

        runtime.register_model(ModelType.TEXT_EMBEDDING, embed, provider="custom", priority=5)
        assert runtime.embedding_model() == "mine"
        assert (await runtime.embed(["a", "b"])).vectors == ((1.0, 2.0), (1.0, 2.0))
        assert asked == [{"text": "a"}, {"text": "b"}]


async def test_texts_are_embedded_in_one_call(tmp_path: Path, model_server: ScriptedModelServer) -> None:
    server = {"openai_base_url": model_server.base_url, "openai_api_key": "sk-test"}
    async with agent(tmp_path, get_openai_plugin(), embedding_dimension=256, **server) as runtime:
        response = await runtime.embed(["a", "bc"])
    assert [len(vector) for vector in response.vectors] == [256, 256]
    assert model_server.request_count == 1


async def test_another_provider_never_embeds_in_the_first_ones_place(tmp_path: Path) -> None:
    down = embedder("first", ModelUnavailable("down"), model_priority=6)
    async with agent(tmp_path, down, embedder("second", two_dimensions)) as runtime:
        assert runtime.embedding_model() == "first-1"
        with pytest.raises(ModelUnavailable):
            await runtime.embed(["a"])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda texts: EmbeddingResponse(vectors=((1.0, 0.0, 0.0),) * len(texts)), DimensionMismatch),
        (lambda texts: EmbeddingResponse(vectors=((1.0, 0.0),) * (len(texts) + 1)), ModelAnswerMalformed),
        (lambda texts: "no vectors", ModelAnswerMalformed),
    ],
)
async def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, answer: Any, error: type[Exception]) -> None:
    async with agent(tmp_path, embedder("odd", answer)) as runtime:
        with pytest.raises(error):
            await runtime.embed(["a", "b"])


async def test_without_an_embedding_model_the_error_says_what_is_missing(tmp_path: Path) -> None:
    async def write(_runtime: Any, _params: Any) -> str:
        return "no"

    silent = Plugin(name="silent", models={ModelType.TEXT_LARGE: write})
    async with agent(tmp_path, silent) as runtime:
        assert runtime.embedding_space() is None
        with pytest.raises(ModelNotFound, match="TEXT_EMBEDDING"):
            await runtime.embed(["a"])
