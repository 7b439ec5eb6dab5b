"""SQLite queries: valid, uniquely named, and served by an index."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import apsw
import pytest

from runtime_core.adapters import sqlite
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.adapters.sqlite.connection import SqliteFile, fetch_all
from runtime_core.adapters.sqlite.memory_filter import apply_filter
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.words import MOST_WORDS, any_word
from runtime_core.ports import MemoryFilter, MemoryQuery
from runtime_core.testing import Scene

PACKAGE = Path(sqlite.__file__).parent
FILTERS = [
    MemoryFilter(),
    MemoryFilter(table=None, room_ids=(uuid4(),)),
    MemoryFilter(room_ids=(uuid4(), uuid4()), entity_id=uuid4(), world_id=uuid4()),
    MemoryFilter(start=datetime(2030, 1, 1, tzinfo=UTC), end=datetime(2031, 1, 1, tzinfo=UTC)),
    MemoryFilter(before=(datetime(2030, 1, 1, tzinfo=UTC), uuid4())),
]


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    adapter = SqliteAdapter(tmp_path / "mayfly.db")
    await adapter.migrate()
    await adapter.close()
    file = SqliteFile(tmp_path / "mayfly.db")
    yield file
    await file.close()


async def plan(file: SqliteFile, sql: str, values: dict[str, Any]) -> str:
    """Return the plan of a query, one step per line."""
    bindings = {name: values.get(name) for name in re.findall(r":(\w+)", sql)}

    def explain(connection: apsw.Connection) -> list[dict[str, Any]]:
        return fetch_all(connection, f"EXPLAIN QUERY PLAN {sql}", bindings)

    return "\n".join(row["detail"] for row in await file.read(explain))


def test_every_query_is_used_and_every_use_has_a_query() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py"))
    assert [name for name in QUERIES if f'"{name}"' not in source] == []
    assert set(re.findall(r'QUERIES\["(\w+)"\]', source)) <= set(QUERIES)


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_a_query_reads_no_whole_table(file: SqliteFile, name: str) -> None:
    for which in FILTERS:
        sql, values = (
            apply_filter(QUERIES[name], uuid4(), which) if "{filter}" in QUERIES[name] else (QUERIES[name], {})
        )
        steps = await plan(file, sql, values)
        scanned = re.findall(r"^SCAN (?!json_each|given|CONSTANT ROW|memory_words VIRTUAL)(\w+)", steps, re.MULTILINE)
        assert scanned == [], steps


async def test_the_history_of_a_room_needs_no_sorting(file: SqliteFile) -> None:
    assert "TEMP B-TREE" not in await plan(file, QUERIES["earlier_messages"], {})
    for which in (MemoryFilter(), MemoryFilter(room_ids=(uuid4(),))):
        assert "TEMP B-TREE" not in await plan(file, *apply_filter(QUERIES["find_memories"], uuid4(), which))


async def test_the_full_text_index_is_asked_once_whatever_the_filter_is(file: SqliteFile) -> None:
    for which in FILTERS:
        sql, values = apply_filter(QUERIES["rank_by_words"], uuid4(), which)
        first, second, *_ = (await plan(file, sql, values)).splitlines()
        assert (first.split()[:2], second.split()[:2]) == (["SCAN", "memory_words"], ["SEARCH", "m"])


def test_a_text_is_any_of_its_words_but_those_that_say_nothing() -> None:
    assert any_word('The FOX, the "den" & a fox-hole!') == '"fox" OR "den" OR "hole"'
    assert any_word("  ") == any_word("to be or not to be") == ""


async def test_a_text_of_any_length_is_a_query(file: SqliteFile, tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path / "mayfly.db")
    scene = Scene()
    await adapter.memories.create(scene.agent_id, [scene.memory("word7 and others")])
    text = " ".join(f"word{n}" for n in range(20_000))
    assert any_word(text).count(" OR ") == MOST_WORDS - 1
    assert len(await adapter.memories.search(scene.agent_id, MemoryQuery(text=text), MemoryFilter())) == 1
    await adapter.close()
