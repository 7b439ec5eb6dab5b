"""Lifetime of a SQLite file: creation, one migration, use from any loop without blocking."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import apsw
import pytest

from runtime_core.adapters.migrations import read_migrations
from runtime_core.adapters.sqlite import SqliteAdapter, migrator
from runtime_core.adapters.sqlite.connection import SCHEMA_VERSION, SqliteFile, fetch_all
from runtime_core.adapters.sqlite.migrator import FOLDER, apply_migrations
from runtime_core.domain.memory import Memory
from runtime_core.domain.records import RECORD_TABLES, Agent
from runtime_core.domain.run import Outcome, Run
from runtime_core.errors import DeadlineExceeded, InvalidRecord, SchemaOutOfDate, StoreError, StoreUnavailable
from runtime_core.support.deadline import Deadline, deadline
from runtime_core.testing import Scene

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mayfly.db"


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(path)
    await adapter.migrate()
    yield adapter
    await adapter.close()


def test_choosing_a_database_does_not_load_the_driver() -> None:
    program = "import sys, runtime_core.wiring; print(*{'apsw', 'sqlite_vec'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == ""


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def columns(path: Path, table: str) -> set[str]:
    file = SqliteFile(path)
    found = await file.read(lambda connection: fetch_all(connection, "SELECT name FROM pragma_table_info(?)", (table,)))
    await file.close()
    return {row["name"] for row in found}


async def test_the_file_and_its_folder_are_made_on_first_use(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "mayfly.db"
    adapter = SqliteAdapter(path)
    assert not path.parent.exists()
    await adapter.migrate()
    assert path.exists()
    await adapter.close()
    assert names(path.parent) == ["mayfly.db"]


async def test_a_database_in_memory_lives_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    adapter = SqliteAdapter(":memory:")
    await adapter.migrate()
    assert (await adapter.turns.begin(Scene().start())).outcome is Outcome.NEW
    await adapter.close()
    assert await adapter.ping() == 0
    await adapter.close()
    assert names(tmp_path) == []


async def test_what_was_stored_is_there_for_the_next_adapter(adapter: SqliteAdapter, path: Path) -> None:
    scene = Scene()
    await scene.play(adapter)
    await adapter.close()
    other = SqliteAdapter(path)
    assert len((await other.turns.begin(scene.start("Again"))).messages) == 1
    await other.close()


async def test_two_adapters_share_one_file(adapter: SqliteAdapter, path: Path) -> None:
    other = SqliteAdapter(path)
    scene = Scene()
    start = scene.start()
    claims = [each.turns.begin(scene.again(start)) for each in (adapter, other) for _ in range(10)]
    outcomes = [context.outcome for context in await asyncio.gather(*claims)]
    assert sorted(outcomes) == sorted([Outcome.NEW] + [Outcome.RUNNING] * 19)
    await other.close()


async def test_another_event_loop_can_use_an_adapter_that_is_open(adapter: SqliteAdapter) -> None:
    scene = Scene()
    await scene.play(adapter)

    def elsewhere() -> int:
        with asyncio.Runner() as runner:
            return len(runner.run(adapter.turns.begin(scene.start("From another loop"))).messages)

    assert await asyncio.to_thread(elsewhere) == 1
    assert len((await adapter.turns.begin(scene.start("Back again"))).messages) == 2


async def test_the_event_loop_goes_on_while_the_file_is_locked(adapter: SqliteAdapter, path: Path) -> None:
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN IMMEDIATE")
    begin = asyncio.create_task(adapter.turns.begin(Scene().start()))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not begin.done()
    lock.execute("ROLLBACK")
    lock.close()
    async with asyncio.timeout(30):
        assert (await begin).outcome is Outcome.NEW


async def test_a_file_that_stays_locked_is_unavailable_when_the_deadline_comes(
    adapter: SqliteAdapter, path: Path
) -> None:
    scene = Scene()
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN IMMEDIATE")
    with deadline(Deadline.after(0.05)), pytest.raises(StoreUnavailable, match=r"mayfly\.db") as caught:
        await adapter.turns.begin(scene.start())
    assert caught.value.retryable
    lock.execute("ROLLBACK")
    lock.close()
    assert (await adapter.turns.begin(scene.start())).outcome is Outcome.NEW


async def test_without_any_time_left_nothing_is_done(adapter: SqliteAdapter) -> None:
    scene = Scene()
    with deadline(Deadline.after(0)), pytest.raises(DeadlineExceeded):
        await adapter.turns.begin(scene.start())
    assert await adapter.records.find(Agent, scene.agent_id) == []


async def test_work_without_end_is_stopped_at_the_deadline(adapter: SqliteAdapter, path: Path) -> None:
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    file = SqliteFile(path)
    with deadline(Deadline.after(0.05)), pytest.raises(StoreUnavailable):
        await file.read(lambda connection: fetch_all(connection, forever))
    assert await file.read(lambda connection: fetch_all(connection, "SELECT 1 AS one")) == [{"one": 1}]
    await file.close()


async def test_a_caller_that_gave_up_leaves_the_adapter_usable(adapter: SqliteAdapter, path: Path) -> None:
    scene = Scene()
    start = scene.start()
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN IMMEDIATE")
    given_up = asyncio.create_task(adapter.turns.begin(start))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    lock.execute("ROLLBACK")
    lock.close()
    assert (await adapter.turns.begin(start)).outcome is Outcome.NEW


async def test_leases_and_expiry_go_by_the_clock_given(path: Path) -> None:
    now = [NOON]
    adapter = SqliteAdapter(path, clock=lambda: now[0])
    await adapter.migrate()
    scene = Scene()
    start = scene.start(lease_s=10.0)
    context = await adapter.turns.begin(start)
    assert (context.now, context.run and context.run.lease_until) == (NOON, NOON + timedelta(seconds=10))
    await adapter.cache.set_value(scene.agent_id, "key", 1, expires_at=NOON + timedelta(seconds=10))
    now[0] = NOON + timedelta(seconds=9.999999)
    assert (await adapter.turns.begin(scene.again(start))).outcome is Outcome.RUNNING
    assert await adapter.cache.get_value(scene.agent_id, "key") == 1
    now[0] = NOON + timedelta(seconds=10)
    assert (await adapter.turns.begin(scene.again(start))).outcome is Outcome.RESUME
    assert await adapter.cache.get_value(scene.agent_id, "key") is None
    await adapter.close()


async def test_the_schema_version_is_that_of_the_last_migration() -> None:
    assert read_migrations(FOLDER)[-1].number == SCHEMA_VERSION


async def test_a_migration_that_was_changed_afterwards_is_refused(
    adapter: SqliteAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    first = min(folder.iterdir())
    first.write_text(first.read_text() + "-- changed\n")
    monkeypatch.setattr(migrator, "FOLDER", folder)
    with pytest.raises(SchemaOutOfDate, match=first.name):
        await adapter.migrate()


async def test_a_migration_that_fails_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_right.sql").write_text("CREATE TABLE a (b);")
    (folder / "0002_wrong.sql").write_text("CREATE TABLE c (d); CREATE TABLE a (b);")
    monkeypatch.setattr(migrator, "FOLDER", folder)
    file = SqliteFile(path)
    with pytest.raises(StoreError, match="already exists"):
        await file.write(lambda connection: apply_migrations(connection, lambda: NOON), needs_schema=False)
    left = await file.read(
        lambda connection: fetch_all(connection, "SELECT name FROM sqlite_schema"), needs_schema=False
    )
    assert left == []
    await file.close()


async def test_a_newer_schema_is_fine_and_an_older_one_names_the_command(adapter: SqliteAdapter, path: Path) -> None:
    file = SqliteFile(path)
    newer = "INSERT INTO mayfly_migrations VALUES (9999, '9999_newer.sql', '', '')"
    await file.write(lambda connection: fetch_all(connection, newer))
    await adapter.close()
    assert await adapter.ping() == 9999
    assert await adapter.migrate() == []
    assert await adapter.cache.get_value(uuid4(), "key") is None
    await file.write(lambda connection: fetch_all(connection, "DELETE FROM mayfly_migrations"))
    await adapter.close()
    with pytest.raises(SchemaOutOfDate, match=r"mayfly\.db is at schema version 0.*run `mayfly migrate`"):
        await adapter.cache.get_value(uuid4(), "key")
    await file.close()


async def test_tables_have_the_columns_of_the_values_they_keep(adapter: SqliteAdapter, path: Path) -> None:
    for kind, table in RECORD_TABLES.items():
        assert await columns(path, table) == {each.name for each in fields(kind)}, table
    of_memories = {each.name for each in fields(Memory)} - {"table", "embedding"}
    assert await columns(path, "memories") == of_memories | {
        "table_name",
        "position",
        "embedding_priority",
        "embedding_wanted_at",
    }
    assert await columns(path, "runs") == {each.name for each in fields(Run)} | {"body_hash", "lease_owner"}


async def test_any_program_can_check_the_file_and_write_to_it(adapter: SqliteAdapter, path: Path) -> None:
    """The schema does not use the vector extension."""
    scene = Scene()
    memory = scene.memory("Kept", embedding=(1.0,) + (0.0,) * 255)
    await adapter.memories.create(scene.agent_id, [memory], embedding_model="m")
    await adapter.close()
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    assert connection.execute("SELECT length(signs) FROM embeddings").fetchall() == [(32,)]
    connection.execute("UPDATE embeddings SET model = 'n'")
    connection.execute("DELETE FROM memories")
    connection.execute("VACUUM")
    connection.close()


async def test_vectors_of_an_older_file_get_their_signs(path: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for each in read_migrations(FOLDER)[:2]:
        shutil.copy(FOLDER / each.name, older)
    file = SqliteFile(path)
    vectors = {16: (0.5, -0.5) * 8, 3: (1.0, 0.0, 0.0)}

    def keep(connection: apsw.Connection) -> None:
        for each in read_migrations(older):
            connection.execute(each.sql)
        for dimension, vector in vectors.items():
            connection.execute(
                'INSERT INTO memories (agent_id, id, entity_id, room_id, table_name, content, metadata, "unique",'
                " created_at) VALUES ('a', ?1, 'e', 'r', 'messages', '{}', '{}', 1, '')",
                (str(dimension),),
            )
            connection.execute(
                "INSERT INTO embeddings VALUES ('a', ?1, 'm', ?2, '', ?3, '')",
                (str(dimension), dimension, struct.pack(f"<{dimension}f", *vector)),
            )
        connection.execute(read_migrations(FOLDER)[2].sql)

    await file.write(keep, needs_schema=False)
    query = "SELECT dimension, signs FROM embeddings ORDER BY dimension"
    found = await file.read(lambda connection: fetch_all(connection, query), needs_schema=False)
    assert [(row["dimension"], row["signs"]) for row in found] == [(3, None), (16, bytes([0b01010101] * 2))]
    await file.close()


async def test_the_database_itself_refuses_to_change_a_log_line(adapter: SqliteAdapter, path: Path) -> None:
    file = SqliteFile(path)
    agent_id = uuid4()
    line = "INSERT INTO logs (agent_id, id, type, body, created_at) VALUES (?, 'id', 'action', '{}', '')"
    await file.write(lambda connection: fetch_all(connection, line, (str(agent_id),)))
    with pytest.raises(InvalidRecord, match="a log line is never changed"):
        await file.write(lambda connection: fetch_all(connection, "UPDATE logs SET type = 'x'"))
    with pytest.raises(InvalidRecord, match="a log line is never deleted"):
        await file.write(lambda connection: fetch_all(connection, "DELETE FROM logs"))
    await file.close()
