"""Turns through a transaction-mode pooler, which may switch connections between statements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.run import Outcome
from runtime_core.ports import MemoryFilter
from runtime_core.testing.scene import Scene
from tests.pooler import PROGRAM, pooled

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.pgbouncer,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed (Debian: apt-get install pgbouncer)"),
]


@pytest.fixture
async def behind_pooler(postgres_url: str) -> AsyncIterator[PostgresAdapter]:
    with pooled(postgres_url) as url:
        adapter = PostgresAdapter(url, max_connections=20, pooler="transaction")
        yield adapter
        await adapter.close()


async def test_two_hundred_interleaved_turns_over_two_server_connections(behind_pooler: PostgresAdapter) -> None:
    scenes = [Scene() for _ in range(10)]
    contexts = await asyncio.gather(*(scenes[n % 10].play(behind_pooler, f"Message {n}") for n in range(200)))
    assert {context.outcome for context in contexts} == {Outcome.NEW}
    assert {
        await behind_pooler.memories.count(scene.agent_id, MemoryFilter(room_ids=(scene.room_id,))) for scene in scenes
    } == {20}


async def test_racing_claims_have_one_winner(behind_pooler: PostgresAdapter) -> None:
    scene = Scene()
    start = scene.start()
    contexts = await asyncio.gather(*(behind_pooler.turns.begin(scene.again(start)) for _ in range(20)))
    outcomes = [context.outcome for context in contexts]
    assert (outcomes.count(Outcome.NEW), outcomes.count(Outcome.RUNNING)) == (1, 19)


async def test_times_are_utc_on_every_server_connection(behind_pooler: PostgresAdapter) -> None:
    contexts = await asyncio.gather(*(Scene().play(behind_pooler) for _ in range(20)))
    assert {str(context.now.utcoffset()) for context in contexts} == {"0:00:00"}


async def test_callers_that_race_to_migrate_apply_each_migration_once(unmigrated_postgres_url: str) -> None:
    with pooled(unmigrated_postgres_url) as url:
        adapters = [PostgresAdapter(url, pooler="transaction") for _ in range(5)]
        applied = await asyncio.gather(*(adapter.migrate() for adapter in adapters))
        names = [name for each in applied for name in each]
        assert names == sorted(set(names)) != []
        for adapter in adapters:
            await adapter.close()
