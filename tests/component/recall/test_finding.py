"""Search by words and vectors, and its fallback without an embedding."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.chat import EmbeddingResponse, ModelType
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.domain.memory import Content, Memory
from runtime_core.errors import DimensionMismatch, ModelUnavailable, SettingsError
from runtime_core.plugin_api import Context, Plugin
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ROOM = uuid4()
# The vectors of the test's embedding model: animals point one way, weather the other.
MEANINGS = {"fox": (1.0, 0.0), "hound": (0.9, 0.1), "rain": (0.0, 1.0)}


def embedder(model: str = "meanings", failure: Exception | None = None, extra: tuple[float, ...] = ()) -> Plugin:
    async def embed(_runtime: Any, params: Any) -> EmbeddingResponse:
        if failure is not None:
            raise failure
        found = (
            next((MEANINGS[each] for each in text.split() if each in MEANINGS), (0.5, 0.5)) for text in params["texts"]
        )
        return EmbeddingResponse(vectors=tuple((*each, *extra) for each in found))

    return Plugin(
        name="meanings",
        models={ModelType.TEXT_EMBEDDING: embed},
        model_priority=5,
        embedding_space=lambda _: EmbeddingSpace(model=model),
    )


async def write(_runtime: Any, _params: Any) -> str:
    return "no"


@asynccontextmanager
async def agent(path: Path, *plugins: Plugin, **settings: Any) -> AsyncIterator[AgentRuntime]:
    database = SqliteAdapter(path / "mayfly.db")
    runtime = AgentRuntime(
        character={"name": "Ada", "bio": "Ada counts."},
        plugins=[Plugin(name="silent", models={ModelType.TEXT_LARGE: write}), *plugins],
        adapter=database,
        settings=Settings(**settings),
    )
    try:
        async with runtime:
            yield runtime
    finally:
        await database.close()


async def remember(runtime: Context, *texts: str, embedded: bool = True) -> list[UUID]:
    """Store texts one minute apart."""
    vectors = (await runtime.embed(texts)).vectors if embedded else [None] * len(texts)
    return await runtime.create_memories(
        [
            Memory(
                entity_id=runtime.agent_id,
                room_id=ROOM,
                content=Content(text=text),
                embedding=vector,
                created_at=NOON + timedelta(minutes=minute),
            )
            for minute, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
    )


def texts(memories: list[Memory]) -> list[str]:
    return [each.content.text for each in memories]


async def test_a_text_is_searched_by_its_words_and_by_its_meaning(tmp_path: Path) -> None:
    async with agent(tmp_path, embedder()) as runtime:
        await remember(runtime, "a hound barks", "the rain falls", "foxes everywhere")
        found = await runtime.search_memories("fox")
        assert set(texts(found)[:2]) == {"a hound barks", "foxes everywhere"}


async def test_a_memory_not_yet_embedded_is_found_by_its_words(tmp_path: Path) -> None:
    async with agent(tmp_path, embedder()) as runtime:
        await remember(runtime, "the rain falls")
        await remember(runtime, "two foxes ran", embedded=False)
        assert "two foxes ran" in texts(await runtime.search_memories("the fox was running"))


async def test_with_text_alone_no_model_is_asked(tmp_path: Path) -> None:
    async with agent(tmp_path, embedder(failure=ModelUnavailable("down")), recall="text") as runtime:
        await remember(runtime, "foxes everywhere", embedded=False)
        assert texts(await runtime.search_memories("fox")) == ["foxes everywhere"]


async def test_without_an_embedding_model_a_text_goes_by_its_words(tmp_path: Path) -> None:
    async with agent(tmp_path) as runtime:
        await remember(runtime, "foxes everywhere", embedded=False)
        assert texts(await runtime.search_memories("fox")) == ["foxes everywhere"]


async def test_hybrid_where_nothing_embeds_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    async with agent(tmp_path, recall="hybrid") as runtime:
        with pytest.raises(SettingsError, match="RECALL"):
            await runtime.search_memories("fox")


async def test_an_embedding_that_fails_leaves_the_words_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with agent(tmp_path, embedder(failure=ModelUnavailable("down")), model_max_retries=0) as runtime:
        await remember(runtime, "foxes everywhere", embedded=False)
        with caplog.at_level(logging.WARNING):
            assert texts(await runtime.search_memories("fox")) == ["foxes everywhere"]
        assert "search fell back to words" in caplog.messages


async def test_with_hybrid_demanded_a_failing_embedding_is_an_error(tmp_path: Path) -> None:
    down = embedder(failure=ModelUnavailable("down"))
    async with agent(tmp_path, down, recall="hybrid", model_max_retries=0) as runtime:
        with pytest.raises(ModelUnavailable):
            await runtime.search_memories("fox")


@pytest.mark.parametrize(
    ("then", "told"),
    [(embedder(model="newer"), "mayfly backfill --model newer"), (embedder(extra=(0.0,)), "3 dimensions|\\[3\\]")],
    ids=["another model", "another dimension"],
)
async def test_vectors_that_do_not_fit_are_told_and_never_an_empty_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, then: Plugin, told: str
) -> None:
    async with agent(tmp_path, embedder()) as runtime:
        await remember(runtime, "foxes everywhere")
    async with agent(tmp_path, then) as runtime:
        assert texts(await runtime.search_memories("fox")) == ["foxes everywhere"]
        assert "search fell back to words" in caplog.messages
        vector = (await runtime.embed(["fox"])).vectors[0]
        with pytest.raises(DimensionMismatch, match=told):
            await runtime.search_memories(vector)
    async with agent(tmp_path, then, recall="hybrid") as runtime:
        with pytest.raises(DimensionMismatch, match=told):
            await runtime.search_memories("fox")


async def test_times_narrow_a_search(tmp_path: Path) -> None:
    async with agent(tmp_path, embedder()) as runtime:
        await remember(runtime, "fox one", "fox two", "fox three", "fox four")
        found = await runtime.search_memories("fox", start=NOON + timedelta(minutes=1), end=NOON + timedelta(minutes=3))
        assert set(texts(found)) == {"fox two", "fox three"}


async def test_a_hit_brings_its_neighbours_when_asked(tmp_path: Path) -> None:
    async with agent(tmp_path) as runtime:
        await remember(runtime, "first", "second", "the fox", "fourth", "fifth", embedded=False)
        (hit,) = await runtime.search_hits("fox", neighbours=1)
        assert (texts(list(hit.before)), texts(list(hit.after))) == (["second"], ["fourth"])
        (bare,) = await runtime.search_hits("fox")
        assert (bare.before, bare.after) == ((), ())
