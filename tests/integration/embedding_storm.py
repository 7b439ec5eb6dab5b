"""Storm: drains memories from SQS in a Lambda function that is killed repeatedly."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg

from infra.local.function import Function
from infra.local.poller import QueuePoller
from runtime_core.adapters.aws.sqs import SqsQueue
from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.embedding_job import EmbeddingJob, content_hash
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.jobs import messages_of
from runtime_core.domain.memory import Memory
from runtime_core.testing import Scene
from tests.model_answers import ModelRequest, Sent, embeddings, failure
from tests.model_server import EMBEDDINGS, ScriptedModelServer
from tests.queues import REGION, QueueServer

AGENT_ID = string_to_uuid("Ada")  # of handlers/agents.py
POISON = "poison"
WAVE, MOST_WAITING = 50, 400
VISIBILITY_S = 6  # short, so that the messages of a killed process are redelivered soon
DIMENSION = 64


@dataclass(frozen=True, kw_only=True)
class Storm:
    """Result of a storm.

    Attributes:
        embedded: Number of embeddings in the database.
        wanted: Number of memories that still want an embedding.
        stale: Number of embeddings whose hash differs from the hash of the memory's text.
        failed: Reasons by memory.
        left_on_queue: Number of messages left on the queue.
        dead: Number of messages in the dead-letter queue.
        starts: Number of started processes.
        kills: Number of processes killed during a drain.
    """

    embedded: int
    wanted: int
    stale: int
    failed: dict[UUID, str]
    left_on_queue: int
    dead: int
    starts: int
    kills: int
    duration_s: float


async def store_memories(adapter: PostgresAdapter, count: int, poisoned: int) -> list[Memory]:
    """Store memories that want an embedding; the model refuses some of them."""
    scene = replace(Scene(), agent_id=AGENT_ID)
    texts = [f"{POISON} {n}" if n < poisoned else f"memory {n}" for n in range(count)]
    random.Random(7).shuffle(texts)  # noqa: S311 - the same order in each run
    memories = [scene.memory(text) for text in texts]
    for start in range(0, count, 500):
        await adapter.memories.create(AGENT_ID, memories[start : start + 500], embedding_priority="low")
    return memories


def refuse_poison(request: ModelRequest) -> Sent:
    """Answer like a provider that refuses a call with one bad input."""
    refused = any(text.startswith(POISON) for text in request.json["input"])
    return (failure(400, message="not acceptable") if refused else embeddings(DIMENSION))(request)


@contextmanager
def drain_function(variables: Mapping[str, str]) -> Iterator[Function]:
    """Run the embed function in Lambda's runtime client."""
    own = {
        "AWS_LAMBDA_FUNCTION_NAME": "mayfly-embed-low",
        "OPENAI_API_KEY": "sk-test-1234",
        "EMBEDDING_DIMENSION": str(DIMENSION),
        "LOG_LEVEL": "ERROR",
    }
    with TemporaryDirectory(prefix="mayfly-storm-") as logs:
        function = Function("handlers.embed.handler", {**own, **variables}, Path(logs) / "function.txt", timeout_s=30)
        try:
            yield function
        finally:
            function.close()


@contextmanager
def killing(function: Function, kills: int, is_over: threading.Event) -> Iterator[list[float]]:
    """Kill the function's process at random moments while it handles an event."""
    moments: list[float] = []
    chance = random.Random(11)  # noqa: S311 - the same moments in each run

    def kill() -> None:
        while len(moments) < kills and not is_over.wait(chance.uniform(0.15, 0.6)):
            if function.is_busy:
                function.kill()
                moments.append(time.monotonic())

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield moments
    finally:
        is_over.set()
        thread.join(10)


async def storm(
    adapter: PostgresAdapter,
    database_url: str,
    queues: QueueServer,
    model_server: ScriptedModelServer,
    *,
    count: int,
    poisoned: int,
    kills: int,
    limit_s: float,
) -> Storm:
    """Enqueue the memories, drain them during kills, and count the results."""
    model_server.answer_with(refuse_poison, path=EMBEDDINGS)
    memories = await store_memories(adapter, count, poisoned)
    dead = queues.new_queue()
    dead_arn = _attributes(dead, "QueueArn")["QueueArn"]
    queue = queues.new_queue(
        VisibilityTimeout=str(VISIBILITY_S),
        RedrivePolicy=f'{{"deadLetterTargetArn": "{dead_arn}", "maxReceiveCount": 8}}',
    )
    sender = SqsQueue(queue.url)
    jobs = [
        EmbeddingJob(agent_id=AGENT_ID, memory_id=each.id, content_hash=content_hash(each.content.text))
        for each in memories
    ]
    arn = _attributes(queue, "QueueArn")["QueueArn"]
    started_s = time.monotonic()
    is_over = threading.Event()
    variables = {**queues.environment, "DATABASE_URL": database_url, "OPENAI_BASE_URL": model_server.base_url}
    with drain_function(variables) as function, killing(function, kills, is_over) as moments:
        poller = QueuePoller(queue.client, queue.url, arn, function.invoke, batch_size=100, region=REGION)
        all_sent = threading.Event()
        polling = asyncio.ensure_future(
            asyncio.to_thread(_poll_until_empty, poller, queue, all_sent, started_s + limit_s)
        )
        await _feed(sender, queue, jobs)
        all_sent.set()
        await polling
    await sender.close()
    async with _connect(database_url) as connection:
        found = await connection.fetchrow(
            """select (select count(*) from embeddings where agent_id = $1) as embedded,
                (select count(*) from memories where agent_id = $1 and embedding_wanted_at is not null) as wanted,
                (select count(*) from embeddings e join memories m on m.agent_id = e.agent_id and m.id = e.memory_id
                    where e.content_hash <> mayfly_text_hash_v1(m.content)) as stale""",
            AGENT_ID,
        )
    failures = await adapter.embeddings.failed(AGENT_ID, limit=count)
    return Storm(
        embedded=found["embedded"],
        wanted=found["wanted"],
        stale=found["stale"],
        failed={each.memory_id: each.reason for each in failures},
        left_on_queue=_count_waiting(queue),
        dead=_count_waiting(dead),
        starts=function.starts,
        kills=len(moments),
        duration_s=round(time.monotonic() - started_s, 1),
    )


async def _feed(sender: SqsQueue, queue: Any, jobs: Sequence[EmbeddingJob]) -> None:
    """Send in waves, because the local SQS server slows down with each waiting message."""
    for start in range(0, len(jobs), WAVE):
        while await asyncio.to_thread(_count_waiting, queue) > MOST_WAITING:  # noqa: ASYNC110 - SQS has no notification
            await asyncio.sleep(0.5)
        await sender.send(messages_of(jobs[start : start + WAVE]))


def _poll_until_empty(poller: QueuePoller, queue: Any, all_sent: threading.Event, until_s: float) -> None:
    while time.monotonic() < until_s:
        if not poller.poll(wait_s=1) and all_sent.is_set() and _count_waiting(queue) == 0:
            return


def _attributes(queue: Any, *names: str) -> dict[str, str]:
    answer: dict[str, str] = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=list(names))[
        "Attributes"
    ]
    return answer


def _count_waiting(queue: Any) -> int:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(each) for each in _attributes(queue, *names).values())


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
