"""Mapping of SQLite errors to ours, with the name of the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.adapters.sqlite.connection import SqliteFile, fetch_all
from runtime_core.adapters.sqlite.errors import BROKEN, DEFECTS, INVALID, UNAVAILABLE
from runtime_core.errors import InvalidRecord, StoreError, StoreUnavailable
from runtime_core.testing import Scene

TEN_THOUSAND_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO cache SELECT 'agent', i, hex(randomblob(500)), NULL FROM n
"""
ROW = "INSERT INTO cache VALUES ('agent', 'key', 'null', NULL)"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "mayfly.db"
    adapter = SqliteAdapter(path)
    await adapter.migrate()
    await adapter.close()
    return path


@pytest.fixture
async def file(path: Path) -> AsyncIterator[SqliteFile]:
    file = SqliteFile(path)
    yield file
    await file.close()


def damage(path: Path) -> None:
    """Overwrite all pages except the first."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def test_every_error_of_the_driver_is_mapped() -> None:
    of_the_driver = {each for each in vars(apsw).values() if isinstance(each, type) and issubclass(each, Exception)} - {
        apsw.Error
    }
    mapped = [*UNAVAILABLE, *INVALID, *BROKEN, *DEFECTS]
    assert len(mapped) == len(set(mapped))
    assert set(mapped) == of_the_driver


async def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    adapter = SqliteAdapter(path)
    with pytest.raises(StoreError, match=r"notes\.txt: the file is not a SQLite database"):
        await adapter.migrate()
    assert path.read_text() == "Dear diary, " * 1000
    path.unlink()
    assert await adapter.migrate()
    await adapter.close()


async def test_a_damaged_file_is_named(path: Path) -> None:
    damage(path)
    adapter = SqliteAdapter(path)
    with pytest.raises(StoreError, match=r"mayfly\.db: the file is damaged"):
        await adapter.turns.begin(Scene().start())
    await adapter.close()


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    with pytest.raises(StoreError, match=f"{tmp_path}: the file cannot be opened"):
        await adapter.ping()


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    adapter = SqliteAdapter(tmp_path / "file" / "mayfly.db")
    with pytest.raises(StoreError, match=r"mayfly\.db: "):
        await adapter.ping()


async def test_a_full_disk_is_named_and_nothing_is_kept(file: SqliteFile) -> None:
    def fill(connection: apsw.Connection) -> None:
        connection.pragma("max_page_count", 100)
        connection.execute(TEN_THOUSAND_ROWS)

    with pytest.raises(StoreError, match=r"mayfly\.db: the disk is full") as caught:
        await file.write(fill)
    assert not caught.value.retryable
    assert await file.read(lambda connection: fetch_all(connection, "SELECT * FROM cache")) == []


async def test_a_read_only_file_is_named(file: SqliteFile) -> None:
    def write(connection: apsw.Connection) -> None:
        connection.pragma("query_only", True)
        connection.execute(ROW)

    with pytest.raises(StoreError, match=r"mayfly\.db: the file or its folder is read-only") as caught:
        await file.write(write)
    assert not caught.value.retryable


async def test_a_wrong_type_is_an_invalid_record(file: SqliteFile) -> None:
    with pytest.raises(InvalidRecord):
        await file.write(
            lambda connection: fetch_all(connection, "INSERT INTO cache VALUES ('agent', NULL, 'null', NULL)")
        )


async def test_a_wrong_statement_is_a_store_error_that_no_retry_helps(file: SqliteFile) -> None:
    with pytest.raises(StoreError, match=r"mayfly\.db: SQLError: no such table: elsewhere") as caught:
        await file.read(lambda connection: fetch_all(connection, "SELECT * FROM elsewhere"))
    assert not isinstance(caught.value, StoreUnavailable)
    assert isinstance(caught.value.__cause__, apsw.SQLError)


async def test_a_failed_write_keeps_nothing_of_it(file: SqliteFile) -> None:
    def write(connection: apsw.Connection) -> None:
        connection.execute(ROW)
        connection.execute("INSERT INTO elsewhere VALUES (1)")

    with pytest.raises(StoreError):
        await file.write(write)
    assert await file.read(lambda connection: fetch_all(connection, "SELECT * FROM cache")) == []
