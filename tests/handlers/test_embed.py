"""Embedding queues end to end: a turn enqueues, the handler drains, the sweep retries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest
from pydantic import SecretStr

import handlers.embed
import handlers.message
import handlers.tick
import handlers.work
from infra.local.poller import QueuePoller
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.embedding_job import EmbeddingJob, Priority, parse_embedding_job
from runtime_core.domain.jobs import messages_of
from runtime_core.domain.memory import Memory
from runtime_core.domain.task import Task
from runtime_core.ports import MemoryFilter
from runtime_core.queues.embedding.deliveries import LIMITS
from runtime_core.queues.embedding.sweep import claim_unqueued, sweep
from runtime_core.queues.tick import tick
from runtime_core.settings import Settings
from runtime_core.testing import Scene
from runtime_core.wiring import queue_opener
from tests.handlers import embed_agents
from tests.model_answers import ModelRequest, Sent, embeddings, failure
from tests.model_server import EMBEDDINGS, ScriptedModelServer
from tests.queues import Queue, QueueServer, queue_server

T = TypeVar("T")
Start: TypeAlias = Callable[..., Environment]
NEVER_LATE = dict.fromkeys(Priority, 0.0)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


@pytest.fixture
def queues(server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Queue]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return {each: server.new_queue(VisibilityTimeout="300") for each in Priority}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def start(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    model_server: ScriptedModelServer,
) -> Iterator[Start]:
    """Return a function that starts the environment of the handlers."""
    url = f"sqlite:///{tmp_path}/mayfly.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    model_server.answer_with(embeddings(8), path=EMBEDDINGS)
    started: list[Environment] = []

    def start(queues: Mapping[str, Queue] | None = None, **changes: Any) -> Environment:
        given = {f"embed_queue_url_{each}": queue.url for each, queue in (queues or {}).items()}
        settings = Settings(
            **{
                "database_url": url,
                "openai_base_url": model_server.base_url,
                "openai_api_key": SecretStr("sk-test-1234"),
                "embedding_dimension": 8,
                "reflection": "off",
                "recall": "off",
                **given,
                **changes,
            }
        )
        environment = Environment(lambda: settings)
        for module in ("message", "tick", "embed", "work"):
            monkeypatch.setattr(f"handlers.{module}.environment", environment)
        started.append(environment)
        return environment

    yield start
    for environment in started:
        environment.close()


def poller(queue: Queue, batch_size: int = 10) -> QueuePoller:
    arn = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return QueuePoller(
        queue.client,
        queue.url,
        arn,
        lambda event: handlers.embed.handler(dict(event), LocalContext(function_name="embed", timeout_s=30.0)),
        batch_size=batch_size,
    )


def run(environment: Environment, use: Callable[[Deployment], Awaitable[T]]) -> T:
    return environment.run(use)


def store_memories(environment: Environment, *texts: str, queue: Queue | None = None) -> list[Memory]:
    """Store memories of the first agent that want an embedding, and enqueue them."""

    async def kept(deployment: Deployment) -> list[Memory]:
        agent_id = deployment.agents[0].agent_id
        memories = [replace(Scene().memory(text), agent_id=agent_id) for text in texts]
        stored = await deployment.database.memories.create(agent_id, memories, embedding_priority="low")
        if queue is not None:
            jobs = [EmbeddingJob(agent_id=agent_id, memory_id=each.id, content_hash="") for each in stored]
            await (await deployment.shared(queue_opener(queue.url))).send(messages_of(jobs))
        return stored

    return run(environment, kept)


def have_embedding(environment: Environment, memories: list[Memory]) -> list[bool]:
    async def found(deployment: Deployment) -> list[bool]:
        agent_id = deployment.agents[0].agent_id
        got = await deployment.database.memories.get(agent_id, [each.id for each in memories])
        return [each.embedding is not None for each in got]

    return run(environment, found)


def embedding_calls(server: ScriptedModelServer) -> list[list[str]]:
    return [each.json["input"] for each in server.requests if each.path.endswith(EMBEDDINGS)]


def test_a_turn_queues_the_message_high_and_the_answer_normal_and_the_handler_embeds_both(
    start: Start, queues: dict[str, Queue], model_server: ScriptedModelServer
) -> None:
    environment = start(queues)
    answer = handlers.message.handler({"text": "Remember the blue kiln"})
    high, normal = poller(queues["high"]), poller(queues["normal"])
    assert (high.poll(wait_s=2), normal.poll(wait_s=5)) == (1, 1)
    assert (high.failed, normal.failed) == (0, 0)
    assert embedding_calls(model_server) == [["Remember the blue kiln"], [answer["text"]]]

    async def all_messages(deployment: Deployment) -> list[Memory]:
        return await deployment.database.memories.find(deployment.agents[0].agent_id, MemoryFilter())

    messages = run(environment, all_messages)
    assert have_embedding(environment, messages) == [True, True]
    assert [queue.bodies() for queue in queues.values()] == [[], [], []]


def test_a_queued_job_has_only_ids_and_a_hash(start: Start, queues: dict[str, Queue]) -> None:
    start(queues)
    handlers.message.handler({"text": "A secret of mine"})
    (body,) = queues["high"].bodies(wait_s=2)
    assert set(json.loads(body)) == {"agent_id", "memory_id", "content_hash"}
    assert "secret" not in body
    assert len(parse_embedding_job(body).content_hash) == 64


def test_each_agents_jobs_have_their_own_group_for_fair_queues(start: Start, queues: dict[str, Queue]) -> None:
    environment = start(queues)
    (memory,) = store_memories(environment, "one", queue=queues["low"])
    event = next(queues["low"].events(wait_s=2))
    assert event["Records"][0]["attributes"]["MessageGroupId"] == str(memory.agent_id)


def test_a_batch_is_one_model_call_and_a_duplicate_makes_none(
    start: Start, queues: dict[str, Queue], model_server: ScriptedModelServer
) -> None:
    environment = start(queues)
    memories = store_memories(environment, *(f"text {n}" for n in range(25)), queue=queues["low"])
    low = poller(queues["low"], batch_size=100)
    assert low.poll() == 25
    assert len(embedding_calls(model_server)) == 1
    assert have_embedding(environment, memories) == [True] * 25
    body = EmbeddingJob(agent_id=memories[0].agent_id or memories[0].id, memory_id=memories[0].id, content_hash="")
    queues["low"].client.send_message(QueueUrl=queues["low"].url, MessageBody=body.body())
    assert low.poll(wait_s=1) == 1
    assert (low.done, low.failed) == (26, 0)
    assert len(embedding_calls(model_server)) == 1


def test_in_a_batch_with_poison_only_the_poison_fails_with_its_reason(
    start: Start, queues: dict[str, Queue], model_server: ScriptedModelServer
) -> None:
    def answer(request: ModelRequest) -> Sent:
        poisoned = any("poison" in text for text in request.json["input"])
        return (failure(400, message="input is not acceptable") if poisoned else embeddings(8))(request)

    model_server.answer_with(answer, path=EMBEDDINGS)
    environment = start(queues)
    memories = store_memories(environment, *(f"text {n}" for n in range(20)), "poison", queue=queues["low"])
    low = poller(queues["low"], batch_size=100)
    low.poll()
    assert (low.done, low.failed) == (21, 0)
    assert have_embedding(environment, memories) == [True] * 20 + [False]

    async def failed(deployment: Deployment) -> list[str]:
        found = await deployment.database.embeddings.failed(deployment.agents[0].agent_id)
        return [each.reason for each in found]

    (reason,) = run(environment, failed)
    assert "400" in reason
    assert "poison" not in reason


def test_after_a_rate_limit_the_rest_is_retried_after_the_providers_delay(
    start: Start, queues: dict[str, Queue], model_server: ScriptedModelServer
) -> None:
    environment = start(queues)
    memories = store_memories(environment, "one", "two", queue=queues["low"])
    model_server.script(failure(429, headers={"retry-after": "1"}), path=EMBEDDINGS)
    low = poller(queues["low"])
    assert low.poll() == 2
    assert (low.done, low.failed) == (0, 2)
    assert low.poll(wait_s=0) == 0
    assert low.poll(wait_s=10) == 2  # sooner than the visibility timeout of 300 s
    assert have_embedding(environment, memories) == [True, True]


def test_only_an_invalid_body_is_retried(start: Start, queues: dict[str, Queue]) -> None:
    environment = start(queues)
    memories = store_memories(environment, "one", queue=queues["low"])
    for body in ("no json", "[1]", '{"agent_id": "x"}'):
        queues["low"].client.send_message(QueueUrl=queues["low"].url, MessageBody=body)
    low = poller(queues["low"])
    assert low.poll(wait_s=1) == 4
    assert (low.done, low.failed) == (1, 3)
    assert have_embedding(environment, memories) == [True]


def sweep_first(environment: Environment, overdue_s: Mapping[Priority, float] = NEVER_LATE) -> int:
    """Sweep the first agent's memories."""

    async def swept(deployment: Deployment) -> int:
        runtime = await deployment.runtime(deployment.agents[0].agent_id)
        found = await sweep(runtime, overdue_s)
        await runtime.stop()
        return found

    return run(environment, swept)


def test_agents_of_one_batch_are_embedded_concurrently_and_a_broken_one_fails_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = start(agents="tests.handlers.embed_agents:AGENTS")
    counter = embed_agents.Counter()
    counter.awaited = LIMITS.concurrency
    monkeypatch.setattr(embed_agents, "counter", counter)

    async def one_memory_each(deployment: Deployment) -> list[EmbeddingJob]:
        jobs = []
        for agent in deployment.agents:
            memory = replace(Scene().memory("Hello"), agent_id=agent.agent_id)
            await deployment.database.memories.create(agent.agent_id, [memory], embedding_priority="low")
            jobs.append(EmbeddingJob(agent_id=agent.agent_id, memory_id=memory.id, content_hash=""))
        return jobs

    jobs = run(environment, one_memory_each)
    records = [{"messageId": str(n), "body": job.body()} for n, job in enumerate(jobs)]
    answer = handlers.embed.handler({"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(embed_agents.HEALTHY)}]}
    assert counter.most == LIMITS.concurrency < embed_agents.HEALTHY


def find_tasks(environment: Environment) -> list[Task]:
    async def found(deployment: Deployment) -> list[Task]:
        return await deployment.database.records.find(Task, deployment.agents[0].agent_id)

    return run(environment, found)


def update_task(environment: Environment, task: Task) -> None:
    async def changed(deployment: Deployment) -> None:
        await deployment.database.records.update(deployment.agents[0].agent_id, [task])

    run(environment, changed)


def test_the_drain_is_a_task_of_the_agent_that_overlapping_ticks_do_once(start: Start) -> None:
    environment = start()
    assert find_tasks(environment) == []

    async def overlapping(deployment: Deployment) -> list[int]:
        return await asyncio.gather(*(tick(deployment) for _ in range(5)))

    assert sorted(run(environment, overlapping)) == [0, 0, 0, 0, 1]
    (task,) = find_tasks(environment)
    assert (task.name, sorted(task.tags)) == ("EMBEDDING_DRAIN", ["queue", "repeat"])
    assert task.metadata["found"] == 0
    assert task.due_at is not None
    assert task.due_at > datetime.now(UTC)
    assert handlers.tick.handler({}) == {"tasks": 0}


def test_each_embedding_agent_has_a_drain_task_even_if_another_agent_does_not_start(start: Start) -> None:
    environment = start(agents="tests.handlers.embed_agents:SOME_EMBED")
    assert handlers.tick.handler({}) == {"tasks": len(embed_agents.EMBEDS)}

    async def drained(deployment: Deployment) -> list[str]:
        records = deployment.database.records
        return [
            each.character.name
            for each in deployment.agents
            for task in await records.find(Task, each.agent_id)
            if task.metadata.get("found") == 0
        ]

    assert run(environment, drained) == embed_agents.EMBEDS


def test_a_deleted_drain_task_is_restored_and_a_changed_one_is_kept(start: Start) -> None:
    environment = start()
    handlers.tick.handler({})
    (task,) = find_tasks(environment)
    changed = replace(task, metadata={**task.metadata, "update_interval": 86_400_000}, due_at=LONG_AGO)
    update_task(environment, changed)
    assert handlers.tick.handler({}) == {"tasks": 1}
    (kept,) = find_tasks(environment)
    assert kept.due_at is not None
    assert kept.due_at > datetime.now(UTC) + timedelta(hours=23)

    async def delete(deployment: Deployment) -> int:
        return await deployment.database.records.delete(Task, deployment.agents[0].agent_id, id=task.id)

    assert run(environment, delete) == 1
    assert handlers.tick.handler({}) == {"tasks": 1}
    assert [each.id for each in find_tasks(environment)] == [task.id]


def test_the_drain_task_embeds_memories_that_were_never_enqueued(
    start: Start, queues: dict[str, Queue], server: QueueServer
) -> None:
    """From the schedule through the work queue to the embedding queue, as on Lambda."""
    work = server.new_queue()
    environment = start(queues, work_queue_url=work.url)
    memories = store_memories(environment, "lost", "lost too")
    handlers.tick.handler({})
    assert work.deliver(handlers.work.handler) == (1, 0)
    (task,) = find_tasks(environment)
    assert task.metadata["found"] == 0  # not overdue yet
    update_task(environment, replace(task, metadata={**task.metadata, "overdue_s": {"low": 0}}, due_at=LONG_AGO))
    handlers.tick.handler({})
    assert work.deliver(handlers.work.handler) == (1, 0)
    assert find_tasks(environment)[0].metadata["found"] >= 2
    low = poller(queues["low"], batch_size=100)
    assert low.poll(wait_s=1) >= 2
    assert have_embedding(environment, memories) == [True, True]
    assert sweep_first(environment) == 0


def test_without_a_queue_the_drain_task_embeds_the_pending_memories(
    start: Start, model_server: ScriptedModelServer
) -> None:
    environment = start()
    memories = store_memories(environment, "one", "two")
    handlers.tick.handler({})
    (task,) = find_tasks(environment)
    update_task(environment, replace(task, metadata={**task.metadata, "overdue_s": {"low": 0}}, due_at=LONG_AGO))
    assert handlers.tick.handler({}) == {"tasks": 1}
    assert find_tasks(environment)[0].metadata["found"] == 2
    assert have_embedding(environment, memories) == [True, True]
    assert embedding_calls(model_server) in ([["one", "two"]], [["two", "one"]])
    assert run(environment, claim_unqueued) == []


def test_a_turn_without_a_queue_calls_no_embedding_model_and_marks_its_memories(
    start: Start, model_server: ScriptedModelServer
) -> None:
    environment = start()
    handlers.message.handler({"text": "Later"})
    assert embedding_calls(model_server) == []
    assert sweep_first(environment) == 2
