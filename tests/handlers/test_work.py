"""Work queue and schedule: background jobs run once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest

import handlers.message
import handlers.tick
import handlers.work
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.jobs import Job, JobKind
from runtime_core.domain.task import Task
from runtime_core.queues.embedding.sweep import EMBEDDING_DRAIN, drain_task
from runtime_core.queues.task_work import MAX_FAILURES
from runtime_core.queues.tick import tick, ticking
from runtime_core.settings import Settings
from runtime_core.testing import Scene
from runtime_core.turn.evaluate import EVALUATE_TASK
from tests.handlers import work_agents
from tests.queues import Queue, QueueServer, queue_server

Start: TypeAlias = Callable[..., Environment]
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


@pytest.fixture
def queue(server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> Queue:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.new_queue()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the environment of the handlers."""
    url = f"sqlite:///{tmp_path}/mayfly.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    started: list[Environment] = []

    def start(**changes: Any) -> Environment:
        settings = Settings(database_url=url, agents="tests.handlers.work_agents:AGENTS", **changes)
        environment = Environment(lambda: settings)
        for module in ("message", "tick", "work"):
            monkeypatch.setattr(f"handlers.{module}.environment", environment)
        started.append(environment)
        insert_tasks(environment, replace(drain_task(), due_at=NEVER))  # tested separately
        return environment

    work_agents.done.clear()
    yield start
    for environment in started:
        environment.close()


def ask(text: str = "Hello") -> dict[str, Any]:
    answer = handlers.message.handler({"text": text})
    assert answer["did_respond"], answer
    return answer


def insert_tasks(environment: Environment, *tasks: Task) -> None:
    async def kept(deployment: Deployment) -> None:
        await deployment.database.records.insert(deployment.agents[0].agent_id, tasks, ignore_existing=True)

    environment.run(kept)


def find_tasks(environment: Environment) -> list[Task]:
    async def found(deployment: Deployment) -> list[Task]:
        found = await deployment.database.records.find(Task, deployment.agents[0].agent_id)
        return [each for each in found if each.name != EMBEDDING_DRAIN]

    return environment.run(found)


def tick_all(queue: Queue) -> tuple[int, int]:
    """Tick, and deliver the enqueued jobs."""
    handlers.tick.handler({})
    return queue.deliver(handlers.work.handler)


def event_of(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"record-{n}", "body": body} for n, body in enumerate(bodies)]}


def make_due(task: Task) -> Task:
    """Make a copy of the task that is due."""
    return replace(task, due_at=LONG_AGO)


def test_evaluators_are_enqueued_by_id_and_run_in_the_worker(start: Start, queue: Queue) -> None:
    start(work_queue_url=queue.url)
    answer = ask("A secret word")
    assert work_agents.done == []
    (body,) = queue.bodies(wait_s=10)
    job = json.loads(body)
    assert (set(job), job["kind"]) == ({"kind", "agent_id", "subject_id"}, "evaluate")
    assert job["subject_id"] == answer["run_id"]

    assert handlers.work.handler(event_of(body)) == {"batchItemFailures": []}
    assert work_agents.done == [("evaluated", ("A secret word", [answer["text"]]))]


def test_without_a_queue_evaluators_run_after_the_answer_in_the_same_event(start: Start) -> None:
    start()
    answer = ask("Hello")
    assert work_agents.done == [("evaluated", ("Hello", [answer["text"]]))]


def test_an_unreachable_queue_loses_neither_the_answer_nor_the_evaluation(
    start: Start, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = start(work_queue_url=f"{queue.url}-missing")
    answer = ask("Hello")
    (task,) = find_tasks(environment)
    assert (task.name, task.metadata) == (EVALUATE_TASK, {"run_id": answer["run_id"]})

    start(work_queue_url=queue.url)
    assert tick_all(queue) == (1, 0)
    assert work_agents.done == [("evaluated", ("Hello", [answer["text"]]))]
    assert find_tasks(environment) == []


def test_the_evaluation_of_a_running_turn_is_retried_and_of_an_unknown_one_skipped(start: Start, queue: Queue) -> None:
    environment = start(work_queue_url=queue.url)
    scene = Scene(agent_id=environment.run(first_agent))
    begun = environment.run(lambda deployment: deployment.database.turns.begin(scene.start()))
    assert begun.run is not None
    running, unknown = evaluate_job(scene.agent_id, begun.run.id), evaluate_job(scene.agent_id, uuid4())
    assert handlers.work.handler(event_of(running, unknown)) == {"batchItemFailures": [{"itemIdentifier": "record-0"}]}
    assert work_agents.done == []


def test_an_invalid_or_failing_job_is_redelivered_and_delays_no_other(start: Start, queue: Queue) -> None:
    start(work_queue_url=queue.url)
    ask("Hello")
    (good,) = queue.bodies(wait_s=10)
    bad = ["no json", "[]", '{"kind": "dance"}', evaluate_job(uuid4(), uuid4())]
    answer = handlers.work.handler(event_of(bad[0], bad[1], good, bad[2], bad[3]))
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == ["record-0", "record-1", "record-3", "record-4"]
    assert [kind for kind, _ in work_agents.done] == ["evaluated"]


def test_jobs_that_exceed_the_deadline_are_retried(start: Start, queue: Queue) -> None:
    environment = start(work_queue_url=queue.url)
    agent_id = environment.run(first_agent)
    insert_tasks(environment, *(Task(name="WAIT", tags=("queue",)) for _ in range(6)))
    handlers.tick.handler({})
    bodies = queue.bodies()
    assert len(bodies) == 6
    context = LocalContext(function_name="work", timeout_s=1)
    answer = handlers.work.handler(event_of(*bodies), context)
    assert len(answer["batchItemFailures"]) == 6
    assert len(find_tasks(environment)) == 6
    assert agent_id == find_tasks(environment)[0].agent_id


@pytest.mark.parametrize("work_queue_url", [None, "https://sqs.eu-central-1.amazonaws.com/1/work"])
def test_a_long_running_process_ticks_unless_it_has_a_work_queue(
    start: Start, work_queue_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = start(work_queue_url=work_queue_url)
    timing = {"update_interval": 1}
    insert_tasks(
        environment, Task(name="REMIND", metadata={"of": "tea", **timing}, tags=("queue", "repeat"), due_at=LONG_AGO)
    )

    async def lived_on(deployment: Deployment) -> None:
        thrice = asyncio.Event()
        monkeypatch.setattr(work_agents, "heard", [lambda: thrice.set() if len(work_agents.done) > 2 else None])
        async with ticking(deployment, every_s=0.001), asyncio.timeout(10):
            if work_queue_url is None:
                await thrice.wait()

    environment.run(lived_on)
    assert len(work_agents.done) >= 3 if work_queue_url is None else not work_agents.done


def test_overlapping_ticks_and_duplicate_deliveries_run_each_task_once(start: Start, queue: Queue) -> None:
    environment = start(work_queue_url=queue.url)
    insert_tasks(environment, *(Task(name="REMIND", tags=("queue",), metadata={"of": n}) for n in range(15)))

    async def overlapping(deployment: Deployment) -> list[int]:
        return await asyncio.gather(*(tick(deployment) for _ in range(5)))

    assert sum(environment.run(overlapping)) == 15
    bodies = queue.bodies()
    assert len(bodies) == 15
    for _ in range(2):
        assert handlers.work.handler(event_of(*bodies)) == {"batchItemFailures": []}
    assert sorted(of for _, of in work_agents.done) == list(range(15))
    assert find_tasks(environment) == []


def test_without_a_queue_the_tick_runs_the_due_tasks(start: Start) -> None:
    environment = start()
    insert_tasks(environment, Task(name="REMIND", tags=("queue",), metadata={"of": "tea"}), Task(name="REMIND"))
    assert handlers.tick.handler({})["tasks"] == 1
    assert work_agents.done == [("reminded", "tea")]
    assert [each.tags for each in find_tasks(environment)] == [()]


def test_a_repeating_task_is_rescheduled_with_its_updated_metadata(start: Start, queue: Queue) -> None:
    environment = start(work_queue_url=queue.url)
    insert_tasks(environment, Task(name="REMIND", tags=("queue", "repeat"), metadata={"update_interval": 3_600_000}))
    for count in (1, 2):
        before = datetime.now(UTC)
        assert tick_all(queue) == (1, 0)
        (task,) = find_tasks(environment)
        assert task.metadata["count"] == count
        assert task.due_at is not None
        assert timedelta(minutes=59) < task.due_at - before < timedelta(minutes=61)
        assert tick_all(queue) == (0, 0)
        update_tasks(environment, make_due(task))


def test_a_failing_task_is_retried_with_backoff_and_kept_after_its_last_failure(start: Start, queue: Queue) -> None:
    environment = start(work_queue_url=queue.url)
    insert_tasks(environment, Task(name="BREAK", tags=("queue",)), Task(name="UNREGISTERED", tags=("queue",)))
    pauses = []
    for _ in range(MAX_FAILURES - 1):
        assert tick_all(queue) == (2, 0)
        one, other = find_tasks(environment)
        assert one.due_at is not None
        assert other.due_at is not None
        pauses.append(one.due_at - datetime.now(UTC))
        update_tasks(environment, make_due(one), make_due(other))
    assert pauses == sorted(pauses)
    assert pauses[0] > timedelta(seconds=50)
    assert tick_all(queue) == (2, 0)
    broken = {each.name: each for each in find_tasks(environment)}
    assert [each.tags for each in broken.values()] == [("failed",), ("failed",)]
    assert "the kiln is cold" in broken["BREAK"].metadata["last_error"]
    assert "no worker is registered for 'UNREGISTERED'" in broken["UNREGISTERED"].metadata["last_error"]
    assert tick_all(queue) == (0, 0)


def update_tasks(environment: Environment, *tasks: Task) -> None:
    async def changed(deployment: Deployment) -> None:
        await deployment.database.records.update(deployment.agents[0].agent_id, tasks)

    environment.run(changed)


async def first_agent(deployment: Deployment) -> UUID:
    return deployment.agents[0].agent_id


def evaluate_job(agent_id: UUID, run_id: UUID) -> str:
    return Job(kind=JobKind.EVALUATE, agent_id=agent_id, subject_id=run_id).body()
