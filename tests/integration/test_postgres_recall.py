"""Rows that recall reads by a message's words, among many other memories."""

from __future__ import annotations

import asyncpg
import pytest

from runtime_core.domain.memory_query import MemoryFilter, MemoryQuery, RecallQuery, RecallSource
from runtime_core.domain.values import encode_json
from runtime_core.testing import Scene

pytestmark = pytest.mark.postgres

OTHERS = 20_000
FILL = """
    insert into memories (agent_id, id, table_name, entity_id, room_id, content)
    select $1, gen_random_uuid(), 'messages', $2, gen_random_uuid(),
        jsonb_build_object('text', 'something about ' || md5(n::text))
    from generate_series(1, $3) as n
"""
ROWS_READ = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'memories'"


async def test_a_table_without_memories_and_a_room_among_many_are_found_by_index(postgres_url: str) -> None:
    scene = Scene()
    everywhere = ("messages", "facts", "fragments", "documents")
    recall = RecallQuery(
        query=MemoryQuery(text="a blue kiln"),
        sources=tuple(
            RecallSource(which=MemoryFilter(table=table, room_ids=(scene.room_id,)), limit=5, neighbours=1)
            for table in everywhere
        ),
    )
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(FILL, scene.agent_id, scene.speaker_id, OTHERS)
    await connection.execute("analyze memories")
    async with connection.transaction():
        before = await connection.fetchval(ROWS_READ) or 0
        for _ in range(8):  # a statement's plan may change after a few executions
            await connection.fetchval("select mayfly_recall_v1($1, $2::jsonb)", scene.agent_id, encode_json(recall))
        read = await connection.fetchval(ROWS_READ) - before
    await connection.close()
    assert read < OTHERS / 100
