# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of task stores.

A due task has one claimer, and can be claimed again after the claim expires.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from runtime_core.domain.task import Task
from runtime_core.ports import DatabaseAdapter

LEASE_S = 600.0
_PAST = datetime(2001, 1, 1, tzinfo=UTC)


async def kept_task(database: DatabaseAdapter, agent_id: UUID, *, due_at: datetime | None = None) -> Task:
    """Store a task with the tag `queue`."""
    task = Task(name="REMIND", tags=("queue", "repeat"), metadata={"update_interval": 60_000}, due_at=due_at)
    await database.records.insert(agent_id, [task])
    return task


async def claimed(database: DatabaseAdapter, agent_id: UUID) -> Task:
    """Store a task and claim it."""
    await kept_task(database, agent_id)
    (task,) = await database.tasks.claim([agent_id], lease_s=LEASE_S)
    return task


def held_until(task: Task) -> datetime:
    """Return the time that identifies the claim of a task."""
    assert task.due_at is not None
    return task.due_at


class TaskStoreContract:
    """Claim, hold and settle."""

    async def test_a_due_task_is_claimed_as_it_was_stored_until_the_lease_ends(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        kept = await kept_task(database, agent_id)
        (task,) = await database.tasks.claim([agent_id], lease_s=LEASE_S)
        assert replace(task, due_at=None, created_at=None) == replace(kept, agent_id=agent_id)
        assert task.created_at is not None
        assert timedelta(0) <= held_until(task) - task.created_at - timedelta(seconds=LEASE_S) < timedelta(seconds=60)
        assert await database.records.get(Task, agent_id, [kept.id]) == [task]

    async def test_a_claimed_task_is_not_claimed_again(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        await claimed(database, agent_id)
        assert await database.tasks.claim([agent_id], lease_s=LEASE_S) == []

    async def test_of_many_claims_at_once_one_gets_each_task(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        tasks = [await kept_task(database, agent_id) for _ in range(12)]
        got = await asyncio.gather(*(database.tasks.claim([agent_id], lease_s=LEASE_S, limit=5) for _ in range(8)))
        ids = [task.id for each in got for task in each]
        assert len(ids) == len(set(ids))
        rest = await database.tasks.claim([agent_id], lease_s=LEASE_S)
        assert {*ids, *(task.id for task in rest)} == {task.id for task in tasks}

    async def test_a_claim_that_ran_out_is_due_again(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        kept = await kept_task(database, agent_id)
        (first,) = await database.tasks.claim([agent_id], lease_s=0)
        (second,) = await database.tasks.claim([agent_id], lease_s=LEASE_S)
        assert second.id == kept.id
        assert await database.tasks.hold(agent_id, kept.id, held_until(first), lease_s=LEASE_S) is None

    async def test_what_is_not_due_or_not_queued_or_another_agent_s_stays(self, database: DatabaseAdapter) -> None:
        agent_id, stranger = uuid4(), uuid4()
        await kept_task(database, agent_id, due_at=datetime.now(UTC) + timedelta(days=1))
        await database.records.insert(agent_id, [Task(name="kept", tags=("repeat",)), Task(name="queued-like")])
        await kept_task(database, stranger)
        assert await database.tasks.claim([agent_id], lease_s=LEASE_S) == []
        assert await database.tasks.claim([], lease_s=LEASE_S) == []

    async def test_tasks_come_longest_due_first_up_to_the_limit_of_all_agents(self, database: DatabaseAdapter) -> None:
        agents = [uuid4(), uuid4()]
        due = [_PAST + timedelta(hours=each) for each in (3, 1, 2)]
        tasks = [await kept_task(database, agents[n % 2], due_at=each) for n, each in enumerate(due)]
        got = await database.tasks.claim(agents, lease_s=LEASE_S, limit=2)
        assert [task.id for task in got] == [tasks[1].id, tasks[2].id]
        assert [task.agent_id for task in got] == [agents[1], agents[0]]

    async def test_of_many_that_take_a_claim_over_one_holds_the_task(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        task = await claimed(database, agent_id)
        held = await asyncio.gather(
            *(database.tasks.hold(agent_id, task.id, held_until(task), lease_s=LEASE_S + n) for n in range(10))
        )
        (winner,) = [each for each in held if each is not None]
        assert winner == replace(task, due_at=winner.due_at)
        assert await database.tasks.hold(agent_id, task.id, held_until(task), lease_s=LEASE_S) is None
        assert await database.tasks.hold(uuid4(), task.id, held_until(winner), lease_s=LEASE_S) is None

    async def test_a_settled_task_is_gone(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        task = await claimed(database, agent_id)
        assert await database.tasks.settle(agent_id, task.id, held_until(task))
        assert await database.records.get(Task, agent_id, [task.id]) == []
        assert not await database.tasks.settle(agent_id, task.id, held_until(task))

    async def test_a_task_settled_with_what_follows_keeps_its_place(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        task = await claimed(database, agent_id)
        again = replace(task, due_at=_PAST, updated_at=_PAST, metadata={"failures": 1}, tags=("queue",))
        assert await database.tasks.settle(agent_id, task.id, held_until(task), then=again)
        assert await database.records.get(Task, agent_id, [task.id]) == [again]
        (due,) = await database.tasks.claim([agent_id], lease_s=LEASE_S)
        assert due.id == task.id

    async def test_who_lost_the_claim_settles_nothing(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        task = await claimed(database, agent_id)
        winner = await database.tasks.hold(agent_id, task.id, held_until(task), lease_s=LEASE_S + 1)
        changed = replace(task, name="CHANGED")
        assert not await database.tasks.settle(agent_id, task.id, held_until(task))
        assert not await database.tasks.settle(agent_id, task.id, held_until(task), then=changed)
        assert await database.records.get(Task, agent_id, [task.id]) == [winner]
