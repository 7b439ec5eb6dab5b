"""Benchmark of background embedding against the bare work, and during kills.

Run `python -m tests.bench.embedding [--count N]`. The bare work is the minimum of any drain: the same HTTP calls,
and one COPY for each batch into the same table with the same indexes. Both run in this process, on the same server, in
turns.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import psutil
from pydantic import SecretStr

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.embedding_job import EmbeddingJob, content_hash
from runtime_core.domain.jobs import QueueDelivery
from runtime_core.domain.memory import Memory
from runtime_core.queues.embedding.deliveries import embed_deliveries
from runtime_core.settings import Settings
from runtime_core.testing import Scene
from tests.databases import PostgresServer
from tests.integration.embedding_storm import storm
from tests.model_server import ScriptedModelServer
from tests.queues import queue_server

DIMENSION = 1536
BATCH = 100  # records of one event, as in infra/background.yaml
MIB = 1024 * 1024
_COLUMNS = ("agent_id", "memory_id", "model", "dimension", "content_hash", "vector", "created_at")
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)


@contextmanager
def instant_server() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.instant_embeddings", "--dimension", str(DIMENSION)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def batches(memories: Sequence[Memory]) -> Iterator[Sequence[Memory]]:
    for start in range(0, len(memories), BATCH):
        yield memories[start : start + BATCH]


@asynccontextmanager
async def open_deployment(url: str, base_url: str) -> AsyncIterator[Deployment]:
    settings = Settings(
        database_url=url,
        openai_base_url=base_url,
        openai_api_key=SecretStr("sk-test-1234"),
        embedding_dimension=DIMENSION,
        on_lambda=True,
    )
    async with Deployment.open(settings) as deployment:
        yield deployment


def model_calls(base_url: str) -> int:
    return int(httpx2.post(f"{base_url}/calls", json={}, trust_env=False).json()["calls"])


async def store_memories(deployment: Deployment, count: int) -> list[Memory]:
    agent_id = deployment.agents[0].agent_id
    scene = replace(Scene(), agent_id=agent_id)
    memories = [scene.memory(f"What was said at {n} o'clock, and by whom") for n in range(count)]
    for start in range(0, count, 1000):
        some = memories[start : start + 1000]
        await deployment.database.memories.create(agent_id, some, embedding_priority="low")
    return memories


async def drain(url: str, base_url: str, count: int) -> dict[str, Any]:
    """Drain jobs with the worker; return time, memory growth and calls."""
    process = psutil.Process()
    before = model_calls(base_url)
    async with open_deployment(url, base_url) as deployment:
        memories = await store_memories(deployment, count)
        jobs = [
            EmbeddingJob(
                agent_id=deployment.agents[0].agent_id,
                memory_id=each.id,
                content_hash=content_hash(each.content.text),
            )
            for each in memories
        ]
        rss_bytes: list[int] = []
        started_s = time.perf_counter()
        for start in range(0, count, BATCH):
            records = [QueueDelivery(id=str(n), body=job.body()) for n, job in enumerate(jobs[start : start + BATCH])]
            failed = await embed_deliveries(deployment, records)
            assert failed == [], failed
            rss_bytes.append(process.memory_info().rss)
        took_s = time.perf_counter() - started_s
    warm = rss_bytes[len(rss_bytes) // 5 :]
    return {"took_s": took_s, "growth_mib": (max(warm) - warm[0]) / MIB, "calls": model_calls(base_url) - before}


async def run_bare_work(url: str, base_url: str, count: int) -> float:
    """Make the same HTTP calls, and one COPY for each batch; return the seconds."""
    async with open_deployment(url, base_url) as deployment:
        memories = await store_memories(deployment, count)
        agent_id = deployment.agents[0].agent_id
    connection = await asyncpg.connect(url)
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        started_s = time.perf_counter()
        for batch in batches(memories):
            asked = {
                "model": "text-embedding-3-small",
                "input": [each.content.text for each in batch],
                "encoding_format": "base64",
                "dimensions": DIMENSION,
            }
            answer = (await http.post(f"{base_url}/embeddings", json=asked)).json()
            rows = encode_rows(agent_id, batch, [base64.b64decode(each["embedding"]) for each in answer["data"]])
            await connection.copy_to_table("embeddings", source=rows, columns=_COLUMNS, format="binary")
        took_s = time.perf_counter() - started_s
    await connection.close()
    return took_s


async def encode_rows(agent_id: UUID, memories: Sequence[Memory], vectors: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Encode rows in the binary COPY format of Postgres."""
    rows = [_SIGNATURE]
    for memory, vector in zip(memories, vectors, strict=True):
        numbers = struct.unpack(f"<{DIMENSION}f", vector)
        fields = (
            agent_id.bytes,
            memory.id.bytes,
            b"text-embedding-3-small",
            struct.pack("!i", DIMENSION),
            content_hash(memory.content.text).encode(),
            struct.pack(f"!hh{DIMENSION}f", DIMENSION, 0, *numbers),
            struct.pack("!q", 0),  # 2000-01-01
        )
        rows.append(struct.pack("!h", len(fields)))
        rows += [part for each in fields for part in (struct.pack("!i", len(each)), each)]
    rows.append(struct.pack("!h", -1))
    yield b"".join(rows)


async def count_embeddings(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from embeddings"))
    finally:
        await connection.close()


def compare_with_bare_work(count: int, rounds: int) -> None:
    ratios: list[float] = []
    with PostgresServer.running() as server, instant_server() as base_url, asyncio.Runner() as runner:
        for number in range(rounds):
            of_drain, of_bare = (server.url(server.new_database()) for _ in range(2))
            pure_s = runner.run(run_bare_work(of_bare, base_url, count))
            found = runner.run(drain(of_drain, base_url, count))
            assert runner.run(count_embeddings(of_drain)) == count
            ratios.append(found["took_s"] / pure_s)
            say(
                f"round {number + 1}: bare {pure_s:.2f} s, drain {found['took_s']:.2f} s = {ratios[-1]:.2f} x; "
                f"{found['calls']} model calls for {-(-count // BATCH)} batches; "
                f"memory grew {found['growth_mib']:.1f} MiB"
            )
    say(f"drain of {count} x {DIMENSION}: {sorted(ratios)[len(ratios) // 2]:.2f} x the bare work (at most 2)")


async def run_storm(count: int, kills: int) -> None:
    with PostgresServer.running() as server, queue_server() as queues, ScriptedModelServer() as model_server:
        os.environ.update(queues.environment)
        url = server.url(server.new_database())
        async with open_deployment(url, model_server.base_url) as deployment:
            left = await storm(
                deployment.database,  # type: ignore[arg-type]  # a Postgres adapter, by its URL
                url,
                queues,
                model_server,
                count=count,
                poisoned=count // 100,
                kills=kills,
                limit_s=1200,
            )
    say(
        f"storm of {count}: {left.kills} kills, {left.starts} processes, {left.duration_s} s; "
        f"embedded {left.embedded}, failed {len(left.failed)}, wanted {left.wanted}, stale {left.stale}, "
        f"on the queue {left.left_on_queue}, dead {left.dead}"
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--storm", type=int, default=5_000, help="memories drained during kills; 0 skips it")
    parser.add_argument("--kills", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.count:
        compare_with_bare_work(chosen.count, chosen.rounds)
    if chosen.storm:
        asyncio.run(run_storm(chosen.storm, chosen.kills))


if __name__ == "__main__":
    main()
