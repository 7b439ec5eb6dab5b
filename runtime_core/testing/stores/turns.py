# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of turn stores.

A message has one claim, and its run has one end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from runtime_core.domain.run import Outcome, RunStatus
from runtime_core.domain.world import Entity, Room, World
from runtime_core.errors import LeaseLost
from runtime_core.ports import DatabaseAdapter, MemoryFilter
from runtime_core.testing.scene import Scene, census, claimed

OLD_STEPS = ({"kind": "tool", "text": "one"}, {"kind": "tool", "data": {"deep": [1, 2.5, None, True]}})


class TurnStoreContract:
    """Outcomes of `begin`, and the owners that may checkpoint and finish."""

    async def test_a_new_message_is_claimed_and_stored(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start("Hello, world")
        context = await database.turns.begin(start)
        assert context.outcome is Outcome.NEW
        run = claimed(context)
        assert (run.id, run.agent_id, run.message_id, run.room_id) == (
            start.run_id,
            scene.agent_id,
            start.message.id,
            scene.room_id,
        )
        assert (run.status, run.attempt, run.steps, run.result) == (RunStatus.RUNNING, 1, (), None)
        assert run.lease_until is not None
        assert (run.lease_until - context.now).total_seconds() == pytest.approx(60, abs=5)
        assert await database.memories.get(scene.agent_id, [start.message.id]) == [context.message]

    async def test_the_claim_returns_room_world_and_everyone_in_it(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        context = await database.turns.begin(scene.start())
        assert context.room is not None
        assert (context.room.id, context.room.name, context.room.world_id) == (
            scene.room_id,
            "The room",
            scene.world_id,
        )
        assert context.world is not None
        assert (context.world.id, context.world.name) == (scene.world_id, "The world")
        assert {entity.id: entity.names for entity in context.entities} == {
            scene.speaker_id: ("Speaker",),
            scene.agent_id: ("Ada",),
        }
        assert {each.entity_id for each in context.participants} == {scene.speaker_id, scene.agent_id}
        assert {each.room_id for each in context.participants} == {scene.room_id}

    async def test_rows_the_store_knows_stay_as_they_are(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await scene.play(database)
        start = replace(
            scene.start("Again"),
            agent_name="Renamed",
            world=World(id=scene.world_id, name="Renamed"),
            room=Room(id=scene.room_id, name="Renamed"),
            entities=(Entity(id=scene.speaker_id, names=("Renamed",)), Entity(id=scene.agent_id)),
        )
        before = await census(database, scene.agent_id)
        context = await database.turns.begin(start)
        after = await census(database, scene.agent_id)
        assert context.room is not None
        assert (context.room.name, context.room.world_id) == ("The room", scene.world_id)
        assert {entity.names for entity in context.entities} == {("Speaker",), ("Ada",)}
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
            f"memories of {scene.agent_id}": 1
        }

    async def test_a_finished_message_is_replayed_with_its_result(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        result = {"text": "Hi 👋", "usage": {"input_tokens": 3}, "list": [1, None, "ü"]}
        await database.turns.finish(scene.end(start, context, result=result, details={"ms": 1.5}))
        replay = await database.turns.begin(scene.again(start))
        assert replay.outcome is Outcome.REPLAY
        assert replay.run is not None
        assert (replay.run.id, replay.run.status, replay.run.result, replay.run.details) == (
            start.run_id,
            RunStatus.COMPLETED,
            result,
            {"ms": 1.5},
        )

    async def test_a_message_that_is_being_answered_is_running(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        first = await database.turns.begin(start)
        second = await database.turns.begin(scene.again(start))
        assert second.outcome is Outcome.RUNNING
        assert second.run is not None
        assert (second.run.id, second.run.lease_until) == (start.run_id, claimed(first).lease_until)

    @pytest.mark.parametrize("finished", [False, True], ids=["running", "finished"])
    async def test_the_same_id_with_another_body_is_a_conflict(self, database: DatabaseAdapter, finished: bool) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        if finished:
            await database.turns.finish(scene.end(start, context))
        conflict = await database.turns.begin(scene.again(start, body_hash="another"))
        assert conflict.outcome is Outcome.CONFLICT
        assert conflict.run is not None
        assert conflict.run.id == start.run_id

    async def test_an_expired_lease_is_resumed_with_its_steps(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start(lease_s=0.0)
        first = await database.turns.begin(start)
        await database.turns.checkpoint(scene.agent_id, claimed(first).id, start.lease_owner, OLD_STEPS)
        second = await database.turns.begin(scene.again(start))
        run = claimed(second)
        assert second.outcome is Outcome.RESUME
        assert (run.id, run.attempt, run.status, run.steps) == (start.run_id, 2, RunStatus.RUNNING, OLD_STEPS)
        assert second.message == first.message
        assert await database.memories.count(scene.agent_id, MemoryFilter(table=None)) == 1

    async def test_a_failed_run_is_resumed_before_its_lease_ends(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        error = {"code": "model-unavailable", "message": "no answer"}
        failure = scene.end(start, context, status=RunStatus.FAILED, result=None, error=error, steps=OLD_STEPS)
        await database.turns.finish(failure)
        failed = await database.turns.get_run(start.run_id)
        assert failed is not None
        assert (failed.status, failed.error, failed.result) == (RunStatus.FAILED, error, None)
        resumed = await database.turns.begin(scene.again(start))
        assert resumed.outcome is Outcome.RESUME
        assert (claimed(resumed).attempt, claimed(resumed).steps) == (2, OLD_STEPS)

    async def test_the_same_owner_claiming_twice_is_one_claim(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        first = await database.turns.begin(start)
        before = await census(database, scene.agent_id)
        second = await database.turns.begin(start)
        assert second.outcome is Outcome.NEW
        assert (claimed(second).id, claimed(second).attempt) == (claimed(first).id, 1)
        assert second.message == first.message
        assert await census(database, scene.agent_id) == before

    async def test_the_same_owner_resuming_twice_is_one_resume(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start(lease_s=0.0)
        await database.turns.begin(start)
        second = scene.again(start, lease_s=60.0)
        for _ in range(2):
            context = await database.turns.begin(second)
            assert (context.outcome, claimed(context).attempt) == (Outcome.RESUME, 2)

    async def test_a_room_of_another_agent_is_refused_where_it_may_not_join(self, database: DatabaseAdapter) -> None:
        owner = Scene(agent_name="Owner")
        await owner.play(database)
        guest = Scene(agent_name="Guest", room_id=owner.room_id)
        before = await census(database, owner.agent_id, guest.agent_id)
        refused = await database.turns.begin(guest.start(may_join=False))
        assert (refused.outcome, refused.room_owner, refused.run) == (Outcome.FOREIGN_ROOM, "Owner", None)
        assert await census(database, owner.agent_id, guest.agent_id) == before

    async def test_an_agent_that_may_join_has_the_room_for_itself(self, database: DatabaseAdapter) -> None:
        owner = Scene(agent_name="Owner")
        await owner.play(database, "To the owner")
        guest = Scene(agent_name="Guest", room_id=owner.room_id)
        joined = await database.turns.begin(guest.start(may_join=True))
        assert (joined.outcome, joined.messages) == (Outcome.NEW, ())
        later = await database.turns.begin(guest.start("Second", may_join=False))
        assert later.outcome is Outcome.NEW
        assert [message.content.text for message in later.messages] == ["Hello"]
        assert guest.speaker_id not in {
            each.entity_id for each in (await database.turns.begin(owner.start("Third"))).participants
        }

    async def test_one_message_id_under_two_agents_is_two_messages(self, database: DatabaseAdapter) -> None:
        one, other = Scene(), Scene()
        start = one.start()
        assert (await database.turns.begin(start)).outcome is Outcome.NEW
        second = other.start("Something else")
        context = await database.turns.begin(replace(second, message=replace(second.message, id=start.message.id)))
        assert context.outcome is Outcome.NEW
        assert context.message is not None
        assert context.message.content.text == "Something else"

    @pytest.mark.parametrize("outcome", [Outcome.REPLAY, Outcome.RUNNING, Outcome.CONFLICT])
    async def test_an_outcome_that_claims_nothing_writes_nothing(
        self, database: DatabaseAdapter, outcome: Outcome
    ) -> None:
        scene, elsewhere = Scene(), Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        if outcome is Outcome.REPLAY:
            await database.turns.finish(scene.end(start, context))
        before = await census(database, scene.agent_id)
        run_before = await database.turns.get_run(start.run_id)
        losing = scene.again(
            start,
            body_hash="another" if outcome is Outcome.CONFLICT else start.body_hash,
            world=World(id=elsewhere.world_id),
            room=Room(id=elsewhere.room_id),
            entities=(Entity(id=elsewhere.speaker_id),),
        )
        assert (await database.turns.begin(losing)).outcome is outcome
        assert await census(database, scene.agent_id) == before
        assert await database.turns.get_run(start.run_id) == run_before

    async def test_of_twenty_claims_at_once_one_wins(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        claims = [start] + [scene.again(start) for _ in range(19)]
        contexts = await asyncio.gather(*(database.turns.begin(claim) for claim in claims))
        assert Counter(context.outcome for context in contexts) == {Outcome.NEW: 1, Outcome.RUNNING: 19}
        winner = next(context for context in contexts if context.outcome is Outcome.NEW)
        assert {context.run.id for context in contexts if context.run} == {claimed(winner).id}
        assert await database.memories.count(scene.agent_id, MemoryFilter(table=None)) == 1

    async def test_of_twenty_claims_at_once_that_bring_the_run_id_one_wins(self, database: DatabaseAdapter) -> None:
        for _ in range(5):
            scene = Scene()
            start = scene.start()
            claims = [start] + [replace(scene.again(start), run_id=start.run_id) for _ in range(19)]
            contexts = await asyncio.gather(*(database.turns.begin(claim) for claim in claims))
            assert Counter(context.outcome for context in contexts) == {Outcome.NEW: 1, Outcome.RUNNING: 19}

    async def test_of_twenty_that_resume_at_once_one_wins(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start(lease_s=0.0)
        await database.turns.begin(start)
        again = [scene.again(start, lease_s=60.0) for _ in range(20)]
        contexts = await asyncio.gather(*(database.turns.begin(claim) for claim in again))
        assert Counter(context.outcome for context in contexts) == {Outcome.RESUME: 1, Outcome.RUNNING: 19}
        assert {context.run.attempt for context in contexts if context.run} == {2}

    async def test_finish_stores_answers_and_ends_the_run(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        answers = tuple(
            scene.memory(text, entity_id=scene.agent_id, created_at=context.now) for text in ("One.", "Two.")
        )
        await database.turns.finish(scene.end(start, context, answers=answers, steps=OLD_STEPS))
        assert await database.memories.get(scene.agent_id, [each.id for each in answers]) == list(answers)
        run = await database.turns.get_run(start.run_id)
        assert run is not None
        assert (run.status, run.steps, run.result) == (RunStatus.COMPLETED, OLD_STEPS, {"text": "Done."})
        assert run.created_at is not None
        assert run.ended_at is not None
        assert run.ended_at >= run.created_at

    @pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
    async def test_the_same_owner_finishing_twice_is_one_finish(
        self, database: DatabaseAdapter, status: RunStatus
    ) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        answer = scene.memory("Once.", created_at=context.now)
        end = scene.end(start, context, status=status, answers=(answer,))
        await database.turns.finish(end)
        before, run = await census(database, scene.agent_id), await database.turns.get_run(start.run_id)
        await database.turns.finish(end)
        assert await census(database, scene.agent_id) == before
        assert await database.turns.get_run(start.run_id) == run

    async def test_an_owner_that_was_replaced_stores_nothing(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        slow = scene.start(lease_s=0.0)
        context = await database.turns.begin(slow)
        fast = scene.again(slow)
        taken = await database.turns.begin(fast)
        before = await census(database, scene.agent_id)
        late = scene.end(slow, context, answers=(scene.memory("Too late."),))
        with pytest.raises(LeaseLost):
            await database.turns.finish(late)
        with pytest.raises(LeaseLost):
            await database.turns.checkpoint(scene.agent_id, slow.run_id, slow.lease_owner, OLD_STEPS)
        assert await census(database, scene.agent_id) == before
        await database.turns.finish(scene.end(fast, taken))
        with pytest.raises(LeaseLost):
            await database.turns.finish(late)
        assert await census(database, scene.agent_id) == before

    async def test_an_owner_whose_lease_ran_out_may_finish_while_nobody_took_over(
        self, database: DatabaseAdapter
    ) -> None:
        scene = Scene()
        start = scene.start(lease_s=0.0)
        context = await database.turns.begin(start)
        await database.turns.finish(scene.end(start, context))
        assert (await database.turns.begin(scene.again(start))).outcome is Outcome.REPLAY

    async def test_an_ended_run_takes_no_checkpoint(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        await database.turns.finish(scene.end(start, context))
        with pytest.raises(LeaseLost):
            await database.turns.checkpoint(scene.agent_id, start.run_id, start.lease_owner, OLD_STEPS)

    async def test_a_run_nobody_began_cannot_be_finished(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        start = scene.start()
        context = await database.turns.begin(start)
        with pytest.raises(LeaseLost):
            await database.turns.finish(scene.end(start, context, run_id=uuid4()))
        with pytest.raises(LeaseLost):
            await database.turns.finish(scene.end(start, context, agent_id=uuid4()))

    async def test_a_run_is_found_by_its_id_alone(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        context = await database.turns.begin(scene.start())
        assert await database.turns.get_run(claimed(context).id) == context.run
        assert await database.turns.get_run(uuid4()) is None
