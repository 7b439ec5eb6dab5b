"""Concurrent sweeps claim disjoint memories and do not wait for each other."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.embedding_job import Priority
from runtime_core.testing import Scene

pytestmark = pytest.mark.postgres

LONG_AGO = "update memories set embedding_wanted_at = clock_timestamp() - interval '1 day'"


async def test_concurrent_sweeps_claim_each_memory_once(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    memories = [scene.memory(f"Text {number}") for number in range(60)]
    await postgres.memories.create(scene.agent_id, memories, embedding_priority="normal")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(LONG_AGO)
    await connection.close()
    claimed = await asyncio.gather(
        *(
            postgres.embeddings.claim_overdue([scene.agent_id], Priority.NORMAL, overdue_s=3600, limit=10)
            for _ in range(9)
        )
    )
    ids = [job.memory_id for jobs in claimed for job in jobs]
    assert len(ids) == len(set(ids))
    rest = await postgres.embeddings.claim_overdue([scene.agent_id], Priority.NORMAL, overdue_s=3600, limit=100)
    assert {*ids, *(job.memory_id for job in rest)} == {each.id for each in memories}


async def test_a_sweep_skips_locked_memories(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    memories = [scene.memory(f"Text {number}") for number in range(4)]
    await postgres.memories.create(scene.agent_id, memories, embedding_priority="normal")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(LONG_AGO)
    async with connection.transaction():
        held = await connection.fetchval("select id from memories order by id limit 1 for update")
        async with asyncio.timeout(10):
            jobs = await postgres.embeddings.claim_overdue([scene.agent_id], Priority.NORMAL, overdue_s=60, limit=10)
    await connection.close()
    assert {job.memory_id for job in jobs} == {each.id for each in memories} - {held}


async def test_the_sweep_reads_an_index_however_many_memories_there_are(
    postgres: PostgresAdapter, postgres_url: str
) -> None:
    scene = Scene()
    await postgres.memories.create(scene.agent_id, [scene.memory("One")], embedding_priority="low")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("set enable_seqscan = off")
    plan = await connection.fetch(
        "explain select id from memories where embedding_priority = 'low' and embedding_wanted_at <= clock_timestamp() "
        "order by embedding_wanted_at, id limit 500 for update skip locked"
    )
    await connection.close()
    assert "memories_without_embedding" in "\n".join(row[0] for row in plan)
