# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of memory stores, except search."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from runtime_core.domain.memory import Content, Media, Memory
from runtime_core.domain.world import ChannelType
from runtime_core.errors import DimensionMismatch, DuplicateRecord, InvalidInput, InvalidRecord, RecordNotFound
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from runtime_core.testing.scene import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
EVERY_TABLE = MemoryFilter(table=None)
UNUSUAL_TEXTS = {
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🫠",
    "right to left": "שלום עולם، مرحبا بالعالم \u202eabc\u202c",
    "combining": "e\u0301 is not \u00e9, and Z\u0351\u036b\u0343a\u0363\u0369lgo",
    "beyond the basic plane": "\U0001d518\U0001d52b\U0001d526 \U00010348 漢字 \U0010fffd",
    "quotes and code": '\'; DROP TABLE memories; -- "%s" $1 ? :name \\ \\u0041',
    "white space": " \t\r\n line\u2028separator\u00a0 ",
    "control characters": "bell \x07 escape \x1b delete \x7f",
    "64 KiB": "wörd " * 10_922,
}


class MemoryStoreContract:
    """Create, update, delete, get, find, count."""

    async def test_a_memory_comes_back_as_it_was_stored(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        content = Content(
            text="Hello",
            thought="Hm.",
            source="test",
            url="https://example.test/",
            actions=("REPLY", "NONE"),
            providers=("TIME",),
            attachments=(Media(url="https://example.test/a.png", title="A", content_type="image/png"),),
            in_reply_to=uuid4(),
            channel_type=ChannelType.DM,
            mentioned=True,
            data={"deep": {"list": [1, 2.5, None, True, "ü"]}},
        )
        memory = scene.memory(content=content, created_at=NOON, metadata={"a": {"b": [1]}}, table="notes", unique=False)
        assert await database.memories.create(scene.agent_id, [memory]) == [memory]
        assert await database.memories.get(scene.agent_id, [memory.id]) == [memory]
        assert await database.memories.find(scene.agent_id, MemoryFilter(table="notes")) == [memory]

    @pytest.mark.parametrize("name", UNUSUAL_TEXTS)
    async def test_any_text_comes_back_unchanged(self, database: DatabaseAdapter, name: str) -> None:
        scene = Scene()
        memory = scene.memory(UNUSUAL_TEXTS[name], metadata={UNUSUAL_TEXTS[name][:50]: UNUSUAL_TEXTS[name]})
        await database.memories.create(scene.agent_id, [memory])
        (kept,) = await database.memories.get(scene.agent_id, [memory.id])
        assert (kept.content, kept.metadata) == (memory.content, memory.metadata)

    @pytest.mark.parametrize("wrong", ["a\x00b", "a\ud800b"], ids=["NUL", "half a surrogate pair"])
    async def test_text_that_no_database_can_keep_is_refused(self, database: DatabaseAdapter, wrong: str) -> None:
        scene = Scene()
        for memory in (scene.memory(wrong), scene.memory(metadata={"deep": [wrong]}), scene.memory(table=wrong)):
            with pytest.raises((InvalidInput, InvalidRecord)):
                await database.memories.create(scene.agent_id, [scene.memory(), memory])
        assert await database.memories.count(scene.agent_id, EVERY_TABLE) == 0
        (kept,) = await database.memories.create(scene.agent_id, [scene.memory("written out: \\u0000")])
        assert kept.content.text == "written out: \\u0000"

    async def test_big_json_comes_back_unchanged(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        data = {f"key {n}": {"numbers": list(range(50)), "text": "x" * 50} for n in range(1000)}
        memory = scene.memory(content=Content(text="big", data=data))
        await database.memories.create(scene.agent_id, [memory])
        (kept,) = await database.memories.get(scene.agent_id, [memory.id])
        assert kept.content.data == data

    async def test_times_are_utc_to_the_microsecond(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        local = datetime(2030, 7, 1, 1, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
        whole = datetime(2030, 7, 1, tzinfo=UTC)
        created = await database.memories.create(
            scene.agent_id, [scene.memory(created_at=local), scene.memory(created_at=whole)]
        )
        kept = await database.memories.get(scene.agent_id, [each.id for each in created])
        for memories in (created, kept):
            assert [each.created_at for each in memories] == [local, whole]
            assert {each.created_at.utcoffset() for each in memories if each.created_at} == {timedelta(0)}
        found = await database.memories.find(scene.agent_id, EVERY_TABLE)
        assert [each.created_at for each in found] == [whole, local]

    async def test_a_memory_without_a_time_takes_the_store_s_clock(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        context = await scene.play(database)
        (created,) = await database.memories.create(scene.agent_id, [scene.memory()])
        assert created.created_at is not None
        assert timedelta(0) <= created.created_at - context.now < timedelta(seconds=60)
        assert await database.memories.get(scene.agent_id, [created.id]) == [created]

    async def test_created_memories_come_back_in_the_order_given(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memories = [scene.memory(f"{n}", created_at=NOON - timedelta(seconds=n)) for n in range(5)]
        created = await database.memories.create(scene.agent_id, memories)
        assert created == memories
        backwards = [each.id for each in reversed(memories)]
        kept = await database.memories.get(scene.agent_id, [backwards[0], uuid4(), *backwards[1:]])
        assert [each.id for each in kept] == backwards

    async def test_nothing_to_do_is_fine(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        assert await database.memories.create(agent_id, []) == []
        assert await database.memories.get(agent_id, []) == []
        assert await database.memories.delete(agent_id, []) == 0
        await database.memories.update(agent_id, [])

    async def test_an_id_that_is_there_already_stores_none_of_them(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (old,) = await database.memories.create(scene.agent_id, [scene.memory("Old")])
        with pytest.raises(DuplicateRecord):
            await database.memories.create(scene.agent_id, [scene.memory(), scene.memory("New", id=old.id)])
        twice = scene.memory("Twice")
        with pytest.raises(DuplicateRecord):
            await database.memories.create(scene.agent_id, [twice, twice])
        assert await database.memories.find(scene.agent_id, EVERY_TABLE) == [old]

    async def test_an_update_replaces_content_and_metadata_alone(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (old,) = await database.memories.create(scene.agent_id, [scene.memory("Old", metadata={"a": 1})])
        new = replace(old, content=Content(text="New", actions=("REPLY",)), metadata={"b": 2})
        moved = replace(new, table="elsewhere", room_id=uuid4(), entity_id=uuid4(), created_at=NOON)
        await database.memories.update(scene.agent_id, [moved])
        assert await database.memories.get(scene.agent_id, [old.id]) == [new]

    async def test_an_update_of_an_unknown_id_changes_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        (old,) = await database.memories.create(scene.agent_id, [scene.memory("Old")])
        with pytest.raises(RecordNotFound):
            await database.memories.update(scene.agent_id, [replace(old, content=Content(text="New")), scene.memory()])
        assert await database.memories.get(scene.agent_id, [old.id]) == [old]

    async def test_deleting_by_id_tells_how_many_were_there(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        first, second = await database.memories.create(scene.agent_id, [scene.memory(), scene.memory()])
        assert await database.memories.delete(scene.agent_id, [first.id, uuid4()]) == 1
        assert await database.memories.delete(scene.agent_id, [first.id]) == 0
        assert await database.memories.find(scene.agent_id, EVERY_TABLE) == [second]
        await database.memories.create(scene.agent_id, [first])

    async def test_a_memory_comes_back_with_its_embedding_only_when_got(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memory = scene.memory(embedding=(0.5, -0.25, 1.0), created_at=NOON)
        await database.memories.create(scene.agent_id, [memory], embedding_model="m")
        assert await database.memories.get(scene.agent_id, [memory.id]) == [memory]
        assert await database.memories.find(scene.agent_id, EVERY_TABLE) == [replace(memory, embedding=None)]

    async def test_a_changed_text_drops_its_embedding_and_only_that(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        first, second = (scene.memory(text, embedding=(1.0, 0.0), created_at=NOON) for text in ("One", "Two"))
        await database.memories.create(scene.agent_id, [first, second], embedding_model="m")
        changes = [replace(first, content=Content(text="Changed")), replace(second, metadata={"seen": True})]
        await database.memories.update(scene.agent_id, changes)
        kept = await database.memories.get(scene.agent_id, [first.id, second.id])
        assert kept == [replace(changes[0], embedding=None), changes[1]]

    async def test_a_vector_of_another_dimension_stores_none_of_them(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        old = scene.memory(embedding=(1.0, 0.0))
        await database.memories.create(scene.agent_id, [old], embedding_model="m")
        for wrong in ([(1.0, 0.0, 0.0)], [(0.0, 1.0), (1.0,)]):
            memories = [scene.memory(), *(scene.memory(embedding=vector) for vector in wrong)]
            with pytest.raises(DimensionMismatch):
                await database.memories.create(scene.agent_id, memories, embedding_model="m")
        assert await database.memories.count(scene.agent_id, EVERY_TABLE) == 1

    async def test_models_of_different_dimensions_live_side_by_side(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        short, long = scene.memory(embedding=(1.0, 0.0)), scene.memory(embedding=(0.0, 1.0, 0.0))
        await database.memories.create(scene.agent_id, [short], embedding_model="short")
        await database.memories.create(scene.agent_id, [long], embedding_model="long")
        for model, memory in (("short", short), ("long", long)):
            query = MemoryQuery(embedding=memory.embedding, model=model)
            hits = await database.memories.search(scene.agent_id, query, EVERY_TABLE)
            assert [hit.memory.id for hit in hits] == [memory.id]

    async def test_found_memories_come_newest_first_up_to_the_limit(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memories = [scene.memory(f"{n}", created_at=NOON + timedelta(microseconds=n)) for n in (3, 1, 4, 0, 2)]
        await database.memories.create(scene.agent_id, memories)
        found = await database.memories.find(scene.agent_id, MemoryFilter(), limit=3)
        assert [each.content.text for each in found] == ["4", "3", "2"]

    async def test_a_cursor_pages_through_all_of_them_once(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        memories = [scene.memory(id=UUID(int=n + 1), created_at=NOON + timedelta(seconds=n // 3)) for n in range(7)]
        await database.memories.create(scene.agent_id, memories)
        seen: list[Memory] = []
        before: tuple[datetime, UUID] | None = None
        while page := await database.memories.find(scene.agent_id, MemoryFilter(before=before), limit=2):
            seen += page
            before = (page[-1].created_at or NOON, page[-1].id)
        assert seen == memories[::-1]

    async def test_each_filter_restricts_find_count_and_delete_alike(self, database: DatabaseAdapter) -> None:
        scene, other = Scene(), Scene()
        base = scene.memory("base", created_at=NOON)
        variants = {
            "table": scene.memory(table="facts", created_at=NOON),
            "room": scene.memory(room_id=other.room_id, created_at=NOON),
            "entity": scene.memory(entity_id=other.speaker_id, created_at=NOON),
            "world": scene.memory(world_id=other.world_id, created_at=NOON),
            "earlier": scene.memory(created_at=NOON - timedelta(microseconds=1)),
            "later": scene.memory(created_at=NOON + timedelta(microseconds=1)),
        }
        await database.memories.create(scene.agent_id, [base, *variants.values()])
        every = {base.id, *(each.id for each in variants.values())}
        expected = {
            MemoryFilter(table="facts"): {variants["table"].id},
            MemoryFilter(table="none"): set(),
            MemoryFilter(table=None, room_ids=(other.room_id,)): {variants["room"].id},
            MemoryFilter(table=None, room_ids=(other.room_id, scene.room_id)): every,
            MemoryFilter(table=None, entity_id=other.speaker_id): {variants["entity"].id},
            MemoryFilter(table=None, world_id=other.world_id): {variants["world"].id},
            MemoryFilter(table=None, end=NOON): {variants["earlier"].id},
            MemoryFilter(table=None, start=NOON): every - {variants["earlier"].id},
            MemoryFilter(table=None, start=NOON + timedelta(microseconds=1)): {variants["later"].id},
            MemoryFilter(table=None, before=(NOON, UUID(int=0))): {variants["earlier"].id},
            MemoryFilter(table=None, world_id=scene.world_id, entity_id=other.speaker_id): {variants["entity"].id},
        }
        for which, ids in expected.items():
            assert {each.id for each in await database.memories.find(scene.agent_id, which)} == ids, which
            assert await database.memories.count(scene.agent_id, which) == len(ids), which
        room = MemoryFilter(table=None, room_ids=(other.room_id,))
        assert await database.memories.delete(scene.agent_id, room) == 1
        assert {each.id for each in await database.memories.find(scene.agent_id, EVERY_TABLE)} == every - {
            variants["room"].id
        }

    async def test_an_agent_never_touches_memories_of_another(self, database: DatabaseAdapter) -> None:
        mine = Scene()
        stranger = Scene(room_id=mine.room_id, world_id=mine.world_id, speaker_id=mine.speaker_id)
        (kept,) = await database.memories.create(mine.agent_id, [mine.memory("secret word")])
        assert await database.memories.get(stranger.agent_id, [kept.id]) == []
        assert await database.memories.find(stranger.agent_id, EVERY_TABLE) == []
        assert await database.memories.count(stranger.agent_id, EVERY_TABLE) == 0
        assert await database.memories.search(stranger.agent_id, MemoryQuery(text="secret"), EVERY_TABLE) == []
        assert await database.memories.delete(stranger.agent_id, [kept.id]) == 0
        assert await database.memories.delete(stranger.agent_id, EVERY_TABLE) == 0
        with pytest.raises(RecordNotFound):
            await database.memories.update(stranger.agent_id, [replace(kept, content=Content(text="changed"))])
        assert await database.memories.get(mine.agent_id, [kept.id]) == [kept]

    async def test_one_id_under_two_agents_is_two_memories(self, database: DatabaseAdapter) -> None:
        one, other = Scene(), Scene()
        (mine,) = await database.memories.create(one.agent_id, [one.memory("mine")])
        (theirs,) = await database.memories.create(other.agent_id, [other.memory("theirs", id=mine.id)])
        assert await database.memories.delete(one.agent_id, [mine.id]) == 1
        assert await database.memories.get(other.agent_id, [mine.id]) == [theirs]
