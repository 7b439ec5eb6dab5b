# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of memory search by words, by vector, or both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from runtime_core.domain.memory import Content, Hit
from runtime_core.errors import DimensionMismatch
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from runtime_core.testing.scene import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
EVERY_TABLE = MemoryFilter(table=None)
MODEL = "vectors-1"


async def remember(database: DatabaseAdapter, scene: Scene, **texts: tuple[float, ...] | None) -> None:
    """Store texts (underscores are spaces) with their vectors, one second apart."""
    memories = [
        scene.memory(text.replace("_", " "), embedding=vector, created_at=NOON + timedelta(seconds=second))
        for second, (text, vector) in enumerate(texts.items())
    ]
    await database.memories.create(scene.agent_id, memories, embedding_model=MODEL)


async def search(database: DatabaseAdapter, scene: Scene, which: MemoryFilter = EVERY_TABLE, **query: Any) -> list[Hit]:
    """Search the scene's memories."""
    return await database.memories.search(scene.agent_id, MemoryQuery(model=MODEL, **query), which)


def texts(hits: list[Hit]) -> list[str]:
    """List the texts of hits, best first."""
    return [hit.memory.content.text for hit in hits]


class MemorySearchContract:
    """Ranking, thresholds, filters and failures of `search`."""

    async def test_words_are_stemmed_and_any_of_them_matches(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, The_fox_is_running=None, Two_cats_sleep=None, Nothing_here=None)
        hits = await search(database, scene, text="Foxes run, cat!")
        assert set(texts(hits)) == {"The fox is running", "Two cats sleep"}
        assert {hit.similarity for hit in hits} == {None}
        assert all(0 < hit.score <= 1 for hit in hits)

    async def test_more_matching_words_rank_higher(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(
            database, scene, apple_banana_cherry=None, apple_stone_metal=None, apple_banana_metal=None, wood=None
        )
        hits = await search(database, scene, text="apple banana cherry")
        assert texts(hits) == ["apple banana cherry", "apple banana metal", "apple stone metal"]
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)

    async def test_equally_good_ones_come_newest_first(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        same = [scene.memory("same words", id=UUID(int=n), created_at=NOON) for n in (1, 3, 2)]
        newer = scene.memory("same words", id=UUID(int=9), created_at=NOON + timedelta(seconds=1))
        await database.memories.create(scene.agent_id, [*same, newer])
        hits = await search(database, scene, text="words")
        assert [hit.memory.id.int for hit in hits] == [9, 3, 2, 1]

    @pytest.mark.parametrize(
        "text",
        ['"', "AND OR NOT", "fox*", "(fox", "fox) OR", "NEAR(fox, 2)", "-fox", "content: fox", "'; --", "\\", "👋"],
    )
    async def test_no_text_is_a_query_language(self, database: DatabaseAdapter, text: str) -> None:
        scene = Scene()
        await remember(database, scene, fox=None, stone=None)
        assert texts(await search(database, scene, text=text)) == (["fox"] if "fox" in text else [])

    async def test_words_that_say_nothing_find_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, this_is_the_stone=None)
        assert await search(database, scene, text="the this is of") == []
        assert texts(await search(database, scene, text="the stone")) == ["this is the stone"]

    async def test_a_query_of_nothing_finds_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, stone=(1.0, 0.0))
        assert await search(database, scene) == []
        assert await search(database, scene, text="   ") == []

    async def test_the_nearest_vectors_come_first_with_their_similarity(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, far=(-1.0, 0.0), near=(3.0, 4.0), same=(0.25, 0.0), unembedded=None)
        hits = await search(database, scene, embedding=(1.0, 0.0))
        assert texts(hits) == ["same", "near", "far"]
        assert [hit.similarity for hit in hits] == pytest.approx([1.0, 0.6, -1.0], abs=1e-5)
        assert all(0 < hit.score <= 1 for hit in hits)
        assert {hit.memory.embedding for hit in hits} == {None}

    async def test_the_threshold_is_the_least_similarity(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, far=(-1.0, 0.0), near=(3.0, 4.0), same=(1.0, 0.0))
        hits = await search(database, scene, embedding=(1.0, 0.0), match_threshold=0.5)
        assert texts(hits) == ["same", "near"]

    async def test_words_and_vector_are_fused(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(
            database,
            scene,
            only_the_word_fox=(0.0, 1.0),
            both_fox=(1.0, 0.1),
            only_the_vector=(1.0, 0.0),
            neither=(-1.0, 0.0),
        )
        hits = await search(database, scene, text="fox", embedding=(1.0, 0.0))
        assert texts(hits)[0] == "both fox"
        assert set(texts(hits)) == {"only the word fox", "both fox", "only the vector", "neither"}
        assert texts(hits)[-1] == "neither"
        assert all(hit.similarity is not None for hit in hits)

    async def test_what_the_words_find_needs_no_threshold(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, fox_word=(0.0, 1.0), vector=(1.0, 0.0), neither=(0.0, 1.0))
        hits = await search(database, scene, text="fox", embedding=(1.0, 0.0), match_threshold=0.9)
        assert set(texts(hits)) == {"fox word", "vector"}
        similarity = {hit.memory.content.text: hit.similarity for hit in hits}
        assert similarity == {"fox word": pytest.approx(0, abs=1e-6), "vector": pytest.approx(1, abs=1e-6)}

    async def test_a_memory_not_yet_embedded_is_found_by_its_words(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, a_fresh_fox=None, something_else=(1.0, 0.0))
        hits = await search(database, scene, text="fox", embedding=(1.0, 0.0))
        assert {hit.memory.content.text: hit.similarity is None for hit in hits} == {
            "a fresh fox": True,
            "something else": False,
        }

    async def test_vectors_of_another_model_are_not_compared(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, ours=(1.0, 0.0))
        theirs = scene.memory("theirs", embedding=(1.0, 0.0))
        await database.memories.create(scene.agent_id, [theirs], embedding_model="vectors-2")
        assert texts(await search(database, scene, embedding=(1.0, 0.0))) == ["ours"]

    async def test_a_vector_of_another_length_fails_loudly(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, ours=(1.0, 0.0))
        with pytest.raises(DimensionMismatch):
            await search(database, scene, embedding=(1.0, 0.0, 0.0))

    async def test_before_anything_is_embedded_a_vector_finds_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await remember(database, scene, unembedded=None)
        assert await search(database, scene, embedding=(1.0, 0.0)) == []

    @pytest.mark.parametrize(
        "by", [{"text": "fox"}, {"embedding": (1.0, 0.0)}, {"text": "fox", "embedding": (1.0, 0.0)}]
    )
    async def test_filters_and_limit_hold(self, database: DatabaseAdapter, by: dict[str, Any]) -> None:
        scene, other = Scene(), Scene()
        base = [scene.memory(f"fox {n}", embedding=(1.0, n / 8), created_at=NOON) for n in range(4)]
        changed = [
            scene.memory("fox table", table="facts", embedding=(1.0, 0.0), created_at=NOON),
            scene.memory("fox room", room_id=other.room_id, embedding=(1.0, 0.0), created_at=NOON),
            scene.memory("fox entity", entity_id=other.speaker_id, embedding=(1.0, 0.0), created_at=NOON),
            scene.memory("fox world", world_id=other.world_id, embedding=(1.0, 0.0), created_at=NOON),
            scene.memory("fox late", embedding=(1.0, 0.0), created_at=NOON + timedelta(days=1)),
        ]
        await database.memories.create(scene.agent_id, base + changed, embedding_model=MODEL)
        narrow = MemoryFilter(
            room_ids=(scene.room_id,),
            entity_id=scene.speaker_id,
            world_id=scene.world_id,
            end=NOON + timedelta(hours=1),
        )
        assert set(texts(await search(database, scene, narrow, **by))) == {f"fox {n}" for n in range(4)}
        assert len(await search(database, scene, narrow, limit=2, **by)) == 2
        assert len(await search(database, scene, limit=3, **by)) == 3
        assert texts(await search(database, scene, MemoryFilter(table="facts"), **by)) == ["fox table"]

    async def test_a_search_stays_with_its_agent(self, database: DatabaseAdapter) -> None:
        mine = Scene()
        stranger = Scene(room_id=mine.room_id, speaker_id=mine.speaker_id)
        await remember(database, mine, my_fox=(1.0, 0.0))
        await remember(database, stranger, their_fox=(1.0, 0.0))
        for by in ({"text": "fox"}, {"embedding": (1.0, 0.0)}, {"text": "fox", "embedding": (1.0, 0.0)}):
            assert texts(await search(database, mine, **by)) == ["my fox"]

    async def test_words_follow_the_newest_text(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memory = scene.memory("a fox", embedding=(1.0, 0.0))
        await database.memories.create(scene.agent_id, [memory], embedding_model=MODEL)
        await database.memories.update(scene.agent_id, [scene.memory(id=memory.id, content=Content(text="a stone"))])
        assert await search(database, scene, text="fox", embedding=(1.0, 0.0)) == []
        assert texts(await search(database, scene, text="stone")) == ["a stone"]
        await database.memories.delete(scene.agent_id, [memory.id])
        assert await search(database, scene, text="stone") == []

    async def test_a_message_and_its_answer_are_found_by_their_words(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start("Where does the fox live?")
        context = await database.turns.begin(start)
        answer = scene.memory("The fox lives in a den.", entity_id=scene.agent_id, created_at=context.now)
        await database.turns.finish(scene.end(start, context, answers=(answer,)))
        assert set(texts(await search(database, scene, text="fox"))) == {
            "Where does the fox live?",
            "The fox lives in a den.",
        }
