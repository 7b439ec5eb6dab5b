# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of embedding stores: which memories want one, and no stale writes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from runtime_core.domain.embedding_job import EmbeddingFailure, MadeEmbedding, Priority, WantedEmbedding, content_hash
from runtime_core.domain.memory import Content, Memory
from runtime_core.errors import DimensionMismatch
from runtime_core.ports import DatabaseAdapter, MemoryFilter
from runtime_core.testing.scene import Scene

MODEL = "model-a"


async def waiting(database: DatabaseAdapter, scene: Scene, *texts: str, priority: str = "normal") -> list[Memory]:
    """Store memories that want an embedding."""
    memories = [scene.memory(text) for text in texts]
    return await database.memories.create(scene.agent_id, memories, embedding_priority=priority)


async def wanted(database: DatabaseAdapter, *memories: Memory, model: str = MODEL) -> list[WantedEmbedding]:
    """Read which of the memories want an embedding."""
    return await database.embeddings.wanted(owner(memories[0]), [each.id for each in memories], model=model)


def made(memory: Memory, *vector: float) -> MadeEmbedding:
    """Make an embedding of the memory's text."""
    return MadeEmbedding(
        memory_id=memory.id, content_hash=content_hash(memory.content.text), vector=vector or (1.0, 0.0)
    )


def owner(memory: Memory) -> UUID:
    """Return the agent of the memory."""
    assert memory.agent_id is not None
    return memory.agent_id


def failure(memory: Memory) -> EmbeddingFailure:
    """Make a failure of the memory's text."""
    return EmbeddingFailure(memory_id=memory.id, content_hash=content_hash(memory.content.text), reason="refused")


async def change(database: DatabaseAdapter, memory: Memory, text: str) -> Memory:
    """Change the text of a memory."""
    fresh = replace(memory, content=Content(text=text))
    await database.memories.update(owner(memory), [fresh])
    return fresh


async def vector_of(database: DatabaseAdapter, memory: Memory) -> tuple[float, ...] | None:
    """Read the stored vector of a memory."""
    (found,) = await database.memories.get(owner(memory), [memory.id])
    return found.embedding


def fragments_of(scene: Scene, document: Memory, *texts: str) -> list[Memory]:
    """Split a document into fragments."""
    return [
        scene.memory(text, table="fragments", metadata={"document_id": str(document.id), "position": position})
        for position, text in enumerate(texts)
    ]


class EmbeddingStoreContract:
    """Wanting, keeping, settling, failing and claiming overdue memories."""

    async def test_what_is_wanted_comes_with_its_text_in_the_order_given(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        one, two, three = await waiting(database, scene, "One", "Two", "Drei ☃")
        bare = (await database.memories.create(scene.agent_id, [scene.memory("bare")]))[0]
        assert await wanted(database, three, bare, one, scene.memory("never stored", agent_id=scene.agent_id)) == [
            WantedEmbedding(memory_id=each.id, text=each.content.text, content_hash=content_hash(each.content.text))
            for each in (three, one)
        ]
        assert await database.embeddings.wanted(uuid4(), [two.id], model=MODEL) == []

    async def test_what_is_wanted_says_how_old_it_is(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (fresh,) = await waiting(database, scene, "Fresh")
        assert fresh.created_at is not None
        given = scene.memory("Old", created_at=fresh.created_at - timedelta(hours=1))
        (old,) = await database.memories.create(scene.agent_id, [given], embedding_priority="normal")
        ages_s = [each.age_s for each in await wanted(database, fresh, old)]
        assert ages_s[0] >= 0
        assert ages_s[1] >= ages_s[0] + 3600 - 1e-3

    async def test_what_is_kept_is_not_wanted_any_more(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        one, two = await waiting(database, scene, "One", "Two")
        assert await database.embeddings.keep(scene.agent_id, [made(one, 0.5, -0.25)], model=MODEL) == []
        assert [each.memory_id for each in await wanted(database, one, two)] == [two.id]
        assert await vector_of(database, one) == (0.5, -0.25)
        assert await vector_of(database, two) is None

    async def test_many_are_kept_at_once(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memories = await waiting(database, scene, *(f"Text {n}" for n in range(300)))
        vectors = [made(each, float(n), 1.0, 0.0) for n, each in enumerate(memories)]
        assert await database.embeddings.keep(scene.agent_id, vectors, model=MODEL) == []
        assert await wanted(database, *memories) == []
        assert [await vector_of(database, memories[n]) for n in (0, 299)] == [(0.0, 1.0, 0.0), (299.0, 1.0, 0.0)]

    async def test_nothing_is_kept_of_a_text_that_changed_or_went(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        changed, gone, same = await waiting(database, scene, "Old", "Gone", "Same")
        await change(database, changed, "New")
        await database.memories.delete(scene.agent_id, [gone.id])
        stale = await database.embeddings.keep(
            scene.agent_id, [made(each) for each in (changed, gone, same)], model=MODEL
        )
        assert stale == [changed.id, gone.id]
        assert await vector_of(database, changed) is None
        assert await vector_of(database, same) == (1.0, 0.0)
        (left,) = await wanted(database, changed, gone, same)
        assert (left.memory_id, left.text) == (changed.id, "New")

    async def test_keeping_twice_is_keeping_once(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (one,) = await waiting(database, scene, "One")
        await database.embeddings.keep(scene.agent_id, [made(one, 1.0, 0.0)], model=MODEL)
        assert await database.embeddings.keep(scene.agent_id, [made(one, 0.0, 1.0)], model=MODEL) == []
        assert await vector_of(database, one) == (1.0, 0.0)

    async def test_a_changed_text_wants_its_embedding_again_whatever_became_of_the_old_one(
        self, database: DatabaseAdapter
    ) -> None:
        scene = Scene()
        kept, failed, empty = await waiting(database, scene, "Kept", "Failed", "Waiting")
        await database.embeddings.keep(scene.agent_id, [made(kept)], model=MODEL)
        await database.embeddings.fail(scene.agent_id, [failure(failed)])
        changed = [await change(database, each, f"{each.content.text}!") for each in (kept, failed, empty)]
        assert [each.text for each in await wanted(database, *changed)] == ["Kept!", "Failed!", "Waiting!"]
        assert await database.embeddings.failed(scene.agent_id) == []
        assert await vector_of(database, kept) is None

    async def test_what_one_model_embedded_another_one_has_not(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (one,) = await waiting(database, scene, "One")
        await database.embeddings.keep(scene.agent_id, [made(one)], model=MODEL)
        assert await database.embeddings.want(scene.agent_id, [one.id], Priority.LOW) == [one.id]
        assert [each.is_embedded for each in await wanted(database, one)] == [True]
        assert [each.is_embedded for each in await wanted(database, one, model="model-b")] == [False]
        longer = MadeEmbedding(memory_id=one.id, content_hash=content_hash("One"), vector=(1.0, 2.0, 3.0))
        await database.embeddings.keep(scene.agent_id, [longer], model="model-b")
        assert await wanted(database, one) == []

    async def test_a_vector_of_another_dimension_is_refused_and_none_is_kept(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        one, two, three = await waiting(database, scene, "One", "Two", "Three")
        with pytest.raises(DimensionMismatch):
            await database.embeddings.keep(scene.agent_id, [made(one), made(two, 1.0, 2.0, 3.0)], model=MODEL)
        await database.embeddings.keep(scene.agent_id, [made(one)], model=MODEL)
        with pytest.raises(DimensionMismatch):
            await database.embeddings.keep(scene.agent_id, [made(three, 1.0, 2.0, 3.0)], model=MODEL)
        assert [each.memory_id for each in await wanted(database, one, two, three)] == [two.id, three.id]

    async def test_wanting_marks_what_is_there_and_forgives_a_failure(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        bare, empty = await database.memories.create(scene.agent_id, [scene.memory("Bare"), scene.memory("")])
        (failed,) = await waiting(database, scene, "Failed")
        await database.embeddings.fail(scene.agent_id, [failure(failed)])
        asked = [bare.id, empty.id, failed.id, uuid4()]
        assert set(await database.embeddings.want(scene.agent_id, asked, Priority.HIGH)) == set(asked[:3])
        assert {each.memory_id for each in await wanted(database, bare, empty, failed)} == {bare.id, failed.id}
        assert await database.embeddings.failed(scene.agent_id) == []
        assert await database.embeddings.want(uuid4(), asked, Priority.HIGH) == []

    async def test_a_failure_is_kept_with_its_reason_and_not_wanted(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        bad, changed = await waiting(database, scene, "Bad", "Bad too")
        told = [failure(bad), failure(changed)]
        await change(database, changed, "Good")
        assert await database.embeddings.fail(scene.agent_id, told) == [changed.id]
        assert await database.embeddings.fail(scene.agent_id, told[:1]) == []
        assert await database.embeddings.failed(scene.agent_id) == told[:1]
        assert [each.text for each in await wanted(database, bad, changed)] == ["Good"]
        await database.memories.delete(scene.agent_id, [bad.id])
        assert await database.embeddings.failed(scene.agent_id) == []

    async def test_what_is_settled_wants_nothing_unless_its_text_changed(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        same, changed = await waiting(database, scene, "Same", "Old")
        read = await wanted(database, same, changed)
        await change(database, changed, "New")
        assert await database.embeddings.settle(scene.agent_id, read) == [changed.id]
        assert [each.text for each in await wanted(database, same, changed)] == ["New"]

    async def test_fragments_stand_in_for_a_long_text_and_go_with_it(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (long,) = await waiting(database, scene, "one two")
        (read,) = await wanted(database, long)
        parts = fragments_of(scene, long, "one", "two")
        assert await database.embeddings.keep_fragments(scene.agent_id, read, parts, Priority.LOW)
        assert await database.embeddings.keep_fragments(scene.agent_id, read, parts, Priority.LOW)
        assert [each.text for each in await wanted(database, long, *parts)] == ["one", "two"]
        fresh = fragments_of(scene, long, "three")
        assert await database.embeddings.keep_fragments(scene.agent_id, read, fresh, Priority.LOW)
        of_all = MemoryFilter(table="fragments")
        assert [each.id for each in await database.memories.find(scene.agent_id, of_all)] == [fresh[0].id]
        await database.memories.delete(scene.agent_id, [long.id])
        assert await database.memories.count(scene.agent_id, of_all) == 0

    async def test_no_fragments_are_kept_of_a_text_that_changed(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (long,) = await waiting(database, scene, "one two")
        (read,) = await wanted(database, long)
        await change(database, long, "one two three")
        parts = fragments_of(scene, long, "one", "two")
        assert not await database.embeddings.keep_fragments(scene.agent_id, read, parts, Priority.LOW)
        assert await database.memories.count(scene.agent_id, MemoryFilter(table="fragments")) == 0

    async def test_what_is_overdue_is_claimed_once_and_by_its_priority(self, database: DatabaseAdapter) -> None:
        scene, other = Scene(), Scene()
        low = await waiting(database, scene, "One", "Two", priority="low")
        await waiting(database, scene, "Soon", priority="high")
        await waiting(database, other, "Another agent's", priority="low")
        agents = [scene.agent_id]
        assert await database.embeddings.claim_overdue(agents, Priority.LOW, overdue_s=600, limit=10) == []
        (first,) = await database.embeddings.claim_overdue(agents, Priority.LOW, overdue_s=0, limit=1)
        assert first.memory_id in {each.id for each in low}
        assert first.agent_id == scene.agent_id
        assert first.content_hash in {content_hash("One"), content_hash("Two")}
        assert await database.embeddings.claim_overdue(agents, Priority.LOW, overdue_s=600, limit=10) == []
        assert await database.embeddings.claim_overdue([], Priority.LOW, overdue_s=0, limit=10) == []

    async def test_what_another_model_embedded_is_what_this_one_lacks(self, database: DatabaseAdapter) -> None:
        scene, other = Scene(), Scene()
        both, old, changed, _ = await waiting(database, scene, "Both", "Old", "Changed", "Not embedded at all")
        (foreign,) = await waiting(database, other, "Another agent's")
        for agent_id, memories, model in (
            (scene.agent_id, (both, old, changed), MODEL),
            (scene.agent_id, (both, changed), "vectors-2"),
            (other.agent_id, (foreign,), MODEL),
        ):
            await database.embeddings.keep(agent_id, [made(each) for each in memories], model=model)
        lacking = await database.embeddings.lacking(scene.agent_id, model="vectors-2")
        assert [(each.memory_id, each.text, each.content_hash) for each in lacking] == [
            (old.id, "Old", content_hash("Old"))
        ]
        assert await database.embeddings.lacking(scene.agent_id, model=MODEL) == []
        in_order = sorted((both, old, changed), key=lambda each: each.id)
        first = await database.embeddings.lacking(scene.agent_id, model="vectors-3", limit=2)
        rest = await database.embeddings.lacking(scene.agent_id, model="vectors-3", after=first[-1].memory_id, limit=2)
        assert [each.memory_id for each in (*first, *rest)] == [each.id for each in in_order]

    async def test_an_update_beside_a_keep_never_leaves_a_stale_vector(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memories = await waiting(database, scene, *(f"Text {n}" for n in range(40)))
        await asyncio.gather(
            *(database.embeddings.keep(scene.agent_id, [made(each)], model=MODEL) for each in memories),
            *(change(database, each, "Changed") for each in memories),
        )
        assert len(await wanted(database, *memories)) == len(memories)
        assert {await vector_of(database, each) for each in memories} == {None}
