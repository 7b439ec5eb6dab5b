# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of record stores, for every kind of record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core.domain.records import RECORD_TABLES, Agent, Log, Record
from runtime_core.domain.task import Task
from runtime_core.domain.world import (
    ChannelType,
    Component,
    Entity,
    Participant,
    ParticipantState,
    Relationship,
    Room,
    World,
)
from runtime_core.errors import DuplicateRecord, InvalidRecord, RecordNotFound
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing.scene import Scene, census

NOON = datetime(2030, 1, 1, 12, 0, 0, 654321, tzinfo=UTC)
JSON: Mapping[str, Any] = {"deep": {"list": [1, 2.5, None, True, "ü👋"], "empty": {}}}

MAKERS: Mapping[type[Record], Callable[[Scene], Record]] = {
    Agent: lambda scene: Agent(id=scene.agent_id, name="Ada", enabled=False, character=JSON, created_at=NOON),
    World: lambda scene: World(id=uuid4(), name="W", message_server_id=uuid4(), metadata=JSON, created_at=NOON),
    Room: lambda scene: Room(
        id=uuid4(),
        world_id=scene.world_id,
        name="R",
        source="test",
        type=ChannelType.VOICE_GROUP,
        channel_id="#general",
        message_server_id=uuid4(),
        metadata=JSON,
        created_at=NOON,
    ),
    Entity: lambda scene: Entity(id=uuid4(), names=("First", "Zweite ü", "'quoted\""), metadata=JSON, created_at=NOON),
    Component: lambda scene: Component(
        entity_id=scene.speaker_id,
        type="profile",
        room_id=scene.room_id,
        world_id=scene.world_id,
        source_entity_id=scene.agent_id,
        data=JSON,
        created_at=NOON,
    ),
    Participant: lambda scene: Participant(
        room_id=scene.room_id, entity_id=scene.speaker_id, state=ParticipantState.MUTED, created_at=NOON
    ),
    Relationship: lambda scene: Relationship(
        source_entity_id=scene.speaker_id,
        target_entity_id=scene.agent_id,
        tags=("friend", "colleague"),
        metadata=JSON,
        created_at=NOON,
    ),
    Task: lambda scene: Task(
        name="REMIND",
        description="Remind them.",
        room_id=scene.room_id,
        world_id=scene.world_id,
        entity_id=scene.speaker_id,
        tags=("queue", "repeat"),
        metadata=JSON,
        due_at=NOON + timedelta(days=1),
        updated_at=NOON + timedelta(hours=1),
        created_at=NOON,
    ),
    Log: lambda scene: Log(
        type="action",
        entity_id=scene.speaker_id,
        room_id=scene.room_id,
        run_id=uuid4(),
        body=JSON,
        created_at=NOON,
    ),
}
CHANGES: Mapping[type[Record], Mapping[str, Any]] = {
    Agent: {"name": "Grace", "enabled": True, "character": {}},
    World: {"name": None, "metadata": {}, "message_server_id": None},
    Room: {"name": "New", "type": ChannelType.DM, "channel_id": None, "metadata": {"a": 1}},
    Entity: {"names": (), "metadata": {"a": [1]}},
    Component: {"type": "settings", "data": {"a": None}, "room_id": None},
    Participant: {"state": None},
    Relationship: {"tags": ("enemy",), "metadata": {}},
    Task: {"tags": (), "due_at": None, "updated_at": NOON + timedelta(days=2), "description": ""},
}
KINDS = [pytest.param(kind, id=table) for kind, table in RECORD_TABLES.items()]
CHANGEABLE = [pytest.param(kind, id=RECORD_TABLES[kind]) for kind in CHANGES]


async def scenery(database: DatabaseAdapter) -> Scene:
    """Store the records that other records refer to.

    These are a world, a room and entities, without an agent.
    """
    scene = Scene()
    ground: list[Record] = [
        World(id=scene.world_id, created_at=NOON - timedelta(days=1)),
        Room(id=scene.room_id, world_id=scene.world_id, created_at=NOON - timedelta(days=1)),
        Entity(id=scene.speaker_id, created_at=NOON - timedelta(days=1)),
        Entity(id=scene.agent_id, created_at=NOON - timedelta(days=1)),
    ]
    assert await database.records.insert(scene.agent_id, ground) == len(ground)
    return scene


def key(record: Record) -> dict[str, Any]:
    """Return the key fields of a record."""
    if isinstance(record, Participant):
        return {"room_id": record.room_id, "entity_id": record.entity_id}
    return {"id": record.id}


def owned(record: Record, agent_id: UUID) -> Record:
    """Return a record as the store does, with its agent.

    The agent of an `Agent` record may stay empty.
    """
    return replace(record, agent_id=None if isinstance(record, Agent) else agent_id)


async def stored(database: DatabaseAdapter, agent_id: UUID, record: Record) -> list[Record]:
    """Find a record by its key."""
    found = await database.records.find(type(record), agent_id, **key(record))
    return [owned(each, each.agent_id or agent_id) for each in found]


class RecordStoreContract:
    """Insert, update, get, find and delete."""

    def test_every_kind_is_covered(self) -> None:
        assert set(MAKERS) == set(RECORD_TABLES)
        assert set(CHANGES) == set(RECORD_TABLES) - {Log}

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_record_comes_back_as_it_was_stored(self, database: DatabaseAdapter, kind: type[Record]) -> None:
        scene = await scenery(database)
        record = MAKERS[kind](scene)
        assert await database.records.insert(scene.agent_id, [record]) == 1
        assert await stored(database, scene.agent_id, record) == [owned(record, scene.agent_id)]
        if not isinstance(record, Participant):
            (got,) = await database.records.get(kind, scene.agent_id, [record.id])
            assert owned(got, got.agent_id or scene.agent_id) == owned(record, scene.agent_id)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_record_without_a_time_takes_the_store_s_clock(
        self, database: DatabaseAdapter, kind: type[Record]
    ) -> None:
        scene = await scenery(database)
        now = (await Scene().play(database)).now
        record = replace(MAKERS[kind](scene), created_at=None)
        await database.records.insert(scene.agent_id, [record])
        (kept,) = await stored(database, scene.agent_id, record)
        assert kept.created_at is not None
        assert timedelta(0) <= kept.created_at - now < timedelta(seconds=60)
        assert kept.created_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_second_one_with_its_id_stores_none_of_them(
        self, database: DatabaseAdapter, kind: type[Record]
    ) -> None:
        scene = await scenery(database)
        record = MAKERS[kind](scene)
        await database.records.insert(scene.agent_id, [record])
        before = await census(database, scene.agent_id)
        with pytest.raises(DuplicateRecord):
            await database.records.insert(scene.agent_id, [World(id=uuid4()), record])
        assert await census(database, scene.agent_id) == before

    @pytest.mark.parametrize("kind", KINDS)
    async def test_existing_ones_can_be_ignored_and_stay(self, database: DatabaseAdapter, kind: type[Record]) -> None:
        scene = await scenery(database)
        record = MAKERS[kind](scene)
        await database.records.insert(scene.agent_id, [record])
        changed = replace(record, **CHANGES.get(kind, {"body": {}}))
        new = World(id=uuid4())
        assert await database.records.insert(scene.agent_id, [changed, new], ignore_existing=True) == 1
        assert await stored(database, scene.agent_id, record) == [owned(record, scene.agent_id)]
        assert len(await stored(database, scene.agent_id, new)) == 1

    @pytest.mark.parametrize("kind", CHANGEABLE)
    async def test_an_update_replaces_every_field_but_the_time(
        self, database: DatabaseAdapter, kind: type[Record]
    ) -> None:
        scene = await scenery(database)
        record = MAKERS[kind](scene)
        await database.records.insert(scene.agent_id, [record])
        changed = replace(record, **CHANGES[kind])
        await database.records.update(scene.agent_id, [replace(changed, created_at=NOON + timedelta(days=9))])
        assert await stored(database, scene.agent_id, record) == [owned(changed, scene.agent_id)]

    @pytest.mark.parametrize("kind", CHANGEABLE)
    async def test_an_update_of_an_unknown_record_changes_nothing(
        self, database: DatabaseAdapter, kind: type[Record]
    ) -> None:
        scene = await scenery(database)
        world = World(id=scene.world_id, name="Changed")
        with pytest.raises(RecordNotFound):
            await database.records.update(scene.agent_id, [world, MAKERS[kind](scene)])
        (kept,) = await database.records.get(World, scene.agent_id, [scene.world_id])
        assert kept.name is None

    @pytest.mark.parametrize("kind", CHANGEABLE)
    async def test_deleting_tells_how_many_were_there(self, database: DatabaseAdapter, kind: type[Record]) -> None:
        scene = await scenery(database)
        record = MAKERS[kind](scene)
        await database.records.insert(scene.agent_id, [record])
        assert await database.records.delete(kind, scene.agent_id, **key(record)) == 1
        assert await stored(database, scene.agent_id, record) == []
        assert await database.records.delete(kind, scene.agent_id, **key(record)) == 0

    @pytest.mark.parametrize("kind", KINDS)
    async def test_deleting_everything_is_never_meant(self, database: DatabaseAdapter, kind: type[Record]) -> None:
        scene = await scenery(database)
        await database.records.insert(scene.agent_id, [MAKERS[kind](scene)])
        before = await census(database, scene.agent_id)
        with pytest.raises(InvalidRecord):
            await database.records.delete(kind, scene.agent_id)
        assert await census(database, scene.agent_id) == before

    async def test_a_log_line_is_never_changed_or_deleted(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        line = Log(type="action", body={"a": 1}, created_at=NOON)
        await database.records.insert(scene.agent_id, [line])
        with pytest.raises(InvalidRecord):
            await database.records.update(scene.agent_id, [replace(line, body={})])
        with pytest.raises(InvalidRecord):
            await database.records.delete(Log, scene.agent_id, id=line.id)
        assert await stored(database, scene.agent_id, line) == [owned(line, scene.agent_id)]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_an_agent_never_touches_records_of_another(
        self, database: DatabaseAdapter, kind: type[Record]
    ) -> None:
        scene = await scenery(database)
        stranger = (await scenery(database)).agent_id
        record = MAKERS[kind](scene)
        await database.records.insert(scene.agent_id, [record])
        assert await stored(database, stranger, record) == []
        if not isinstance(record, Participant):
            assert await database.records.get(kind, stranger, [record.id]) == []
        if kind is not Log:
            assert await database.records.delete(kind, stranger, **key(record)) == 0
            with pytest.raises(RecordNotFound):
                await database.records.update(stranger, [replace(record, **CHANGES[kind])])
        assert await stored(database, scene.agent_id, record) == [owned(record, scene.agent_id)]

    async def test_one_id_under_two_agents_is_two_records(self, database: DatabaseAdapter) -> None:
        one, other, world_id = uuid4(), uuid4(), uuid4()
        await database.records.insert(one, [World(id=world_id, name="one")])
        await database.records.insert(other, [World(id=world_id, name="other")])
        assert await database.records.delete(World, one, id=world_id) == 1
        assert [world.name for world in await database.records.get(World, other, [world_id])] == ["other"]

    async def test_got_records_come_in_the_order_given(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        worlds = [World(id=uuid4(), name=f"{n}") for n in range(5)]
        await database.records.insert(agent_id, worlds)
        ids = [each.id for each in worlds[::-1]]
        got = await database.records.get(World, agent_id, [ids[0], uuid4(), *ids[1:]])
        assert [each.id for each in got] == ids
        assert await database.records.get(World, agent_id, []) == []

    async def test_found_records_come_oldest_first_up_to_the_limit(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        worlds = [World(id=UUID(int=n + 1), created_at=NOON + timedelta(seconds=n // 2)) for n in range(6)]
        await database.records.insert(agent_id, worlds[::-1])
        found = await database.records.find(World, agent_id)
        assert [each.id for each in found] == [each.id for each in worlds]
        assert [each.id for each in await database.records.find(World, agent_id, limit=2)] == [
            each.id for each in worlds[:2]
        ]

    async def test_every_field_of_every_kind_can_be_matched(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        for kind, make in MAKERS.items():
            record = make(scene)
            await database.records.insert(scene.agent_id, [record])
            for name in {each.name for each in fields(kind)} - {"agent_id"}:
                found = await database.records.find(kind, scene.agent_id, **{name: getattr(record, name)})
                assert len(found) >= 1, (kind, name)
                assert {str(getattr(each, name)) for each in found} == {str(getattr(record, name))}, (kind, name)

    async def test_all_the_fields_given_have_to_match(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        task = MAKERS[Task](scene)
        await database.records.insert(scene.agent_id, [task])
        assert len(await database.records.find(Task, scene.agent_id, name="REMIND", room_id=scene.room_id)) == 1
        assert await database.records.find(Task, scene.agent_id, name="REMIND", room_id=uuid4()) == []

    async def test_none_matches_what_is_empty(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        empty = Task(name="empty")
        await database.records.insert(scene.agent_id, [empty, Task(name="full", room_id=scene.room_id, due_at=NOON)])
        for name in ("room_id", "due_at"):
            nothing: dict[str, Any] = {name: None}
            assert [each.id for each in await database.records.find(Task, scene.agent_id, **nothing)] == [empty.id]

    async def test_a_time_matches_in_any_zone(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        local = NOON.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
        await database.records.insert(agent_id, [Task(name="local", due_at=local)])
        (found,) = await database.records.find(Task, agent_id, due_at=NOON)
        assert found.due_at == NOON
        assert found.due_at is not None
        assert found.due_at.utcoffset() == timedelta(0)

    async def test_a_tuple_matches_where_it_holds_all_the_items(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        tags = {"both": ("queue", "repeat"), "one": ("queue",), "none": (), "longer": ("queue-2", "a%b_c")}
        await database.records.insert(agent_id, [Task(name=name, tags=items) for name, items in tags.items()])
        wanted = {
            ("queue",): {"both", "one"},
            ("repeat", "queue"): {"both"},
            ("queue", "missing"): set(),
            ("a%b_c",): {"longer"},
            (): set(tags),
        }
        for items, names in wanted.items():
            assert {each.name for each in await database.records.find(Task, agent_id, tags=items)} == names, items
        assert await database.records.delete(Task, agent_id, tags=("queue", "repeat")) == 1
        assert await database.records.delete(Task, agent_id, tags=("queue",)) == 1

    async def test_a_field_that_is_not_there_is_an_error(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        with pytest.raises(InvalidRecord, match="colour"):
            await database.records.find(World, agent_id, colour="red")
        with pytest.raises(InvalidRecord, match="colour"):
            await database.records.delete(World, agent_id, colour="red")

    async def test_a_record_that_refers_to_nothing_stores_none_of_them(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        dangling: list[Record] = [
            Room(id=uuid4(), world_id=uuid4()),
            Participant(room_id=uuid4(), entity_id=scene.speaker_id),
            Participant(room_id=scene.room_id, entity_id=uuid4()),
            Component(entity_id=uuid4(), type="profile"),
            Relationship(source_entity_id=uuid4(), target_entity_id=scene.agent_id),
            Relationship(source_entity_id=scene.agent_id, target_entity_id=uuid4()),
        ]
        before = await census(database, scene.agent_id)
        for record in dangling:
            for ignore_existing in (False, True):
                with pytest.raises(InvalidRecord):
                    await database.records.insert(
                        scene.agent_id, [World(id=uuid4()), record], ignore_existing=ignore_existing
                    )
        assert await census(database, scene.agent_id) == before

    async def test_records_may_refer_to_those_before_them(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        together: list[Record] = [
            Entity(id=scene.speaker_id),
            Room(id=scene.room_id),
            Participant(room_id=scene.room_id, entity_id=scene.speaker_id),
            Component(entity_id=scene.speaker_id, type="profile"),
        ]
        assert await database.records.insert(scene.agent_id, together) == len(together)
        assert len(await database.records.find(Participant, scene.agent_id, room_id=scene.room_id)) == 1

    async def test_what_belongs_to_a_deleted_record_goes_with_it(self, database: DatabaseAdapter) -> None:
        scene = await scenery(database)
        belonging: list[Record] = [MAKERS[kind](scene) for kind in (Participant, Component, Relationship)]
        await database.records.insert(scene.agent_id, belonging)
        assert await database.records.delete(Room, scene.agent_id, id=scene.room_id) == 1
        assert await database.records.find(Participant, scene.agent_id) == []
        assert await database.records.delete(Entity, scene.agent_id, id=scene.speaker_id) == 1
        assert await database.records.find(Component, scene.agent_id) == []
        assert await database.records.find(Relationship, scene.agent_id) == []
        another = Room(id=uuid4(), world_id=scene.world_id)
        await database.records.insert(scene.agent_id, [another])
        assert await database.records.delete(World, scene.agent_id, id=scene.world_id) == 1
        assert await database.records.find(Room, scene.agent_id) == []

    async def test_only_agents_are_found_without_naming_one(self, database: DatabaseAdapter) -> None:
        one, other = uuid4(), uuid4()
        await database.records.insert(one, [Agent(id=one, name="One")])
        await database.records.insert(other, [Agent(id=other, name="Other")])
        assert {each.name for each in await database.records.find(Agent, None)} == {"One", "Other"}
        assert [each.id for each in await database.records.find(Agent, None, name="Other")] == [other]
        for kind in RECORD_TABLES:
            if kind is not Agent:
                with pytest.raises(InvalidRecord):
                    await database.records.find(kind, None)

    async def test_nothing_to_do_is_fine(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        assert await database.records.insert(agent_id, []) == 0
        await database.records.update(agent_id, [])
