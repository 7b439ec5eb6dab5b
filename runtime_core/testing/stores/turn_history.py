# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of turn stores: the earlier messages of a conversation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from runtime_core.domain.run import TurnContext
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing.scene import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def texts(context: TurnContext) -> list[str]:
    """List the texts of the earlier messages, in the order returned."""
    return [message.content.text for message in context.messages]


class TurnHistoryContract:
    """Order, length and isolation of `TurnContext.messages`."""

    async def test_earlier_messages_come_oldest_first_without_the_message_itself(
        self, database: DatabaseAdapter
    ) -> None:
        scene = Scene()
        for minute in (2, 0, 1):
            await scene.play(database, f"Minute {minute}", created_at=NOON + timedelta(minutes=minute))
        context = await database.turns.begin(scene.start("Now", created_at=NOON + timedelta(minutes=3)))
        assert texts(context) == ["Minute 0", "Minute 1", "Minute 2"]

    async def test_only_the_last_ones_come_back(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        said = [scene.memory(f"{n}", created_at=NOON + timedelta(seconds=n)) for n in range(10)]
        await database.memories.create(scene.agent_id, said)
        late = NOON + timedelta(hours=1)
        context = await database.turns.begin(scene.start("Now", created_at=late, conversation_length=3))
        assert texts(context) == ["7", "8", "9"]
        nothing = await database.turns.begin(scene.start("Later", created_at=late, conversation_length=0))
        assert nothing.messages == ()

    async def test_messages_after_this_one_are_not_its_past(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await scene.play(database, "Tomorrow", created_at=NOON + timedelta(days=1))
        assert texts(await database.turns.begin(scene.start("Now", created_at=NOON))) == []

    async def test_one_instant_is_ordered_by_id(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        ids = [UUID(int=n) for n in (5, 1, 9, 3)]
        said = [scene.memory(f"{each.int}", id=each, created_at=NOON) for each in ids]
        await database.memories.create(scene.agent_id, said)
        start = scene.start("Now", created_at=NOON + timedelta(seconds=1))
        assert texts(await database.turns.begin(start)) == ["1", "3", "5", "9"]

    async def test_answers_are_part_of_the_past(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start("Question", created_at=NOON)
        context = await database.turns.begin(start)
        answer = scene.memory("Answer", entity_id=scene.agent_id, created_at=NOON + timedelta(seconds=1))
        await database.turns.finish(scene.end(start, context, answers=(answer,)))
        following = await database.turns.begin(scene.start("Next", created_at=NOON + timedelta(seconds=2)))
        assert texts(following) == ["Question", "Answer"]
        assert following.messages[1] == answer

    async def test_other_rooms_agents_and_tables_are_not_part_of_it(self, database: DatabaseAdapter) -> None:
        here = Scene()
        elsewhere = Scene(agent_id=here.agent_id, world_id=here.world_id, speaker_id=here.speaker_id)
        other = Scene(room_id=here.room_id, agent_name="Other")
        await elsewhere.play(database, "In another room", created_at=NOON)
        await other.play(database, "To another agent", created_at=NOON)
        await database.memories.create(here.agent_id, [here.memory("A fact", table="facts", created_at=NOON)])
        await here.play(database, "Here", created_at=NOON)
        context = await database.turns.begin(here.start("Now", created_at=NOON + timedelta(seconds=1)))
        assert texts(context) == ["Here"]
        assert {each.entity_id for each in context.participants} == {here.speaker_id, here.agent_id}

    async def test_a_message_without_a_time_takes_the_store_s_clock(self, database: DatabaseAdapter) -> None:
        context = await database.turns.begin(Scene().start())
        assert context.message is not None
        assert context.message.created_at is not None
        assert abs(context.message.created_at - context.now) < timedelta(seconds=5)
        assert context.now.utcoffset() == timedelta(0)
        assert context.message.created_at.utcoffset() == timedelta(0)

    async def test_a_message_keeps_its_time_to_the_microsecond(self, database: DatabaseAdapter) -> None:
        exact = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
        context = await database.turns.begin(Scene().start(created_at=exact))
        assert context.message is not None
        assert context.message.created_at == exact
