# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of recall stores.

It covers several sources, neighbours, and the recall of a claim.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.memory_query import MemoryFilter, MemoryQuery, RecallQuery, RecallSource
from runtime_core.domain.run import Outcome
from runtime_core.errors import DimensionMismatch
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing.scene import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MODEL = "vectors-1"


def texts(memories: tuple[Memory, ...] | list[Memory]) -> list[str]:
    """List the texts of memories, in order."""
    return [each.content.text for each in memories]


def found(hits: tuple[Hit, ...] | list[Hit]) -> list[str]:
    """List the texts of hits, best first."""
    return [hit.memory.content.text for hit in hits]


def recall_of(scene: Scene, text: str, *, neighbours: int = 0) -> RecallQuery:
    """Give a question to the scene's room and to its facts."""
    return RecallQuery(
        query=MemoryQuery(text=text),
        sources=(
            RecallSource(which=MemoryFilter(room_ids=(scene.room_id,)), limit=2, neighbours=neighbours),
            RecallSource(which=MemoryFilter(table="facts"), limit=3),
        ),
    )


async def say(database: DatabaseAdapter, scene: Scene, *said: str, table: str = "messages") -> None:
    """Store texts, one second apart."""
    memories = [
        scene.memory(text, table=table, created_at=NOON + timedelta(seconds=second)) for second, text in enumerate(said)
    ]
    await database.memories.create(scene.agent_id, memories)


class RecallStoreContract:
    """Several sources for one query, and the recall of a claim."""

    async def test_each_source_answers_with_its_own_filter_and_limit(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "fox one", "fox two", "fox three", "stone")
        await say(database, scene, "the fox is red", table="facts")
        of_room, of_facts = await database.recall.recall(scene.agent_id, recall_of(scene, "foxes"))
        assert found(of_room) == ["fox three", "fox two"]
        assert found(of_facts) == ["the fox is red"]

    async def test_a_source_without_memories_gives_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        assert await database.recall.recall(scene.agent_id, recall_of(scene, "fox")) == [[], []]

    async def test_a_vector_goes_to_every_source(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        near, far = scene.memory("near", embedding=(1.0, 0.0)), scene.memory("far", embedding=(0.0, 1.0))
        fact = scene.memory("fact", table="facts", embedding=(1.0, 0.1))
        await database.memories.create(scene.agent_id, [near, far, fact], embedding_model=MODEL)
        asked = recall_of(scene, "")
        query = MemoryQuery(embedding=(1.0, 0.0), model=MODEL)
        of_room, of_facts = await database.recall.recall(
            scene.agent_id, RecallQuery(query=query, sources=asked.sources)
        )
        assert (found(of_room), found(of_facts)) == (["near", "far"], ["fact"])

    async def test_neighbours_are_those_of_the_room_and_table_in_order(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "one", "two", "the fox", "four", "five")
        await say(database, scene, "a fact in between", "another", "and another", table="facts")
        elsewhere = Scene(agent_id=scene.agent_id, room_id=uuid4())
        await say(database, elsewhere, "elsewhere", "there", "not here")
        for neighbours, before, after in ((1, ["two"], ["four"]), (2, ["one", "two"], ["four", "five"])):
            (hit,), _ = await database.recall.recall(scene.agent_id, recall_of(scene, "fox", neighbours=neighbours))
            assert (texts(hit.before), texts(hit.after)) == (before, after)

    async def test_memories_of_one_moment_are_neighbours_by_id(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        same = [scene.memory(text, id=UUID(int=n), created_at=NOON) for n, text in ((1, "a"), (2, "fox"), (3, "c"))]
        await database.memories.create(scene.agent_id, same)
        (hit,), _ = await database.recall.recall(scene.agent_id, recall_of(scene, "fox", neighbours=5))
        assert (texts(hit.before), texts(hit.after)) == (["a"], ["c"])

    async def test_a_claim_brings_what_lies_beyond_its_messages(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "an old fox", "stone", "a recent fox", "wood")
        await say(database, scene, "the fox is red", table="facts")
        start = scene.start(
            "Where is the fox?",
            created_at=NOON + timedelta(hours=1),
            conversation_length=2,
            recall=recall_of(scene, "fox", neighbours=1),
        )
        context = await database.turns.begin(start)
        assert texts(context.messages) == ["a recent fox", "wood"]
        past, facts = context.recalled
        assert (found(past), found(facts)) == (["an old fox"], ["the fox is red"])
        assert texts(past[0].after) == ["stone"]

    async def test_a_claim_finds_nothing_again_of_what_it_brings_anyway(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "a fox", "stone")
        context = await database.turns.begin(
            scene.start("The fox?", created_at=NOON + timedelta(hours=1), recall=recall_of(scene, "fox"))
        )
        assert context.recalled == ((), ())

    async def test_a_claim_that_is_not_won_recalls_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "the fox is red", table="facts")
        start = scene.start("fox", recall=recall_of(scene, "fox"))
        await database.turns.begin(start)
        again = await database.turns.begin(scene.again(start))
        assert (again.outcome, again.recalled) == (Outcome.RUNNING, ())

    async def test_a_claim_that_does_not_ask_recalls_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await say(database, scene, "the fox is red", table="facts")
        assert (await database.turns.begin(scene.start("fox"))).recalled == ()

    async def test_another_agents_memories_are_never_recalled(self, database: DatabaseAdapter) -> None:
        mine = Scene()
        theirs = Scene(room_id=mine.room_id, speaker_id=mine.speaker_id)
        await say(database, theirs, "their fox")
        await say(database, theirs, "their fox is red", table="facts")
        assert await database.recall.recall(mine.agent_id, recall_of(mine, "fox")) == [[], []]

    async def test_a_vector_of_a_model_that_embedded_nothing_is_refused(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memory = scene.memory("fox", embedding=(1.0, 0.0))
        await database.memories.create(scene.agent_id, [memory], embedding_model=MODEL)
        query = MemoryQuery(embedding=(1.0, 0.0), model="vectors-2")
        with pytest.raises(DimensionMismatch, match="mayfly backfill --model vectors-2"):
            await database.memories.search(scene.agent_id, query, MemoryFilter())
