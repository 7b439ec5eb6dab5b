"""SQLite file accessed from one thread.

Disk access therefore never blocks the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import apsw
import sqlite_vec
from pydantic_core import from_json

from runtime_core.adapters.sqlite.errors import store_errors
from runtime_core.errors import SchemaOutOfDate, StoreUnavailable
from runtime_core.support.database_use import note_database_use
from runtime_core.support.deadline import bounded_s

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
Work: TypeAlias = Callable[[apsw.Connection], T]

SCHEMA_VERSION = 3  # number of the newest migration; a test compares it with the folder
CALL_TIMEOUT_S = 30.0  # of one call, unless the deadline is earlier
IN_MEMORY = ":memory:"
MAPPED_BYTES = 1024**3  # of the file, memory-mapped: a search reads every vector, and copying is slower
_STEPS_BETWEEN_CHECKS = 10_000  # steps of SQLite's virtual machine, some 100 µs
_FIRST_USE_PAUSE_S = 0.005


class SqliteFile:
    """Serialized access to the file's connection, each call within its deadline."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._worker: _Worker | None = None
        self._lock = threading.Lock()  # callers may run in event loops of several threads

    def exists(self) -> bool:
        """Check whether the file exists.

        Returns:
            True also for an unreadable file, so that opening it raises the reason.
        """
        if self._worker is not None or self.path == IN_MEMORY:
            return True
        try:
            Path(self.path).stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    async def read(self, work: Work[T], *, needs_schema: bool = True) -> T:
        """Run work in a read transaction.

        The transaction sees one snapshot of the database.
        """
        return await self._call(work, "BEGIN", needs_schema)

    async def write(self, work: Work[T], *, needs_schema: bool = True) -> T:
        """Run work in a write transaction.

        The transaction excludes other writers and commits all or nothing.
        """
        return await self._call(work, "BEGIN IMMEDIATE", needs_schema)

    async def close(self) -> None:
        """Close the file after the running work has ended."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()

    async def _call(self, work: Work[T], begin: str, needs_schema: bool) -> T:
        began = time.perf_counter()
        until_s = time.monotonic() + bounded_s(CALL_TIMEOUT_S)
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self.path)
            worker = self._worker
            future = worker.submit(work, begin, until_s, needs_schema)
        try:
            return await future
        finally:
            note_database_use(took_ms=(time.perf_counter() - began) * 1000)


class _Worker:
    """Thread that owns the connection."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: apsw.Connection | None = None
        self._is_migrated = False

    def submit(self, work: Work[T], begin: str, until_s: float, needs_schema: bool) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._run, work, begin, until_s, needs_schema)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _run(self, work: Work[T], begin: str, until_s: float, needs_schema: bool) -> T:
        with store_errors(self._path):
            connection = self._connect(until_s)
            with _time_limit(connection, until_s), _transaction(connection, begin):
                if needs_schema:
                    self._check_schema(connection)
                return work(connection)

    def _connect(self, until_s: float) -> apsw.Connection:
        if self._connection is None:
            self._connection = _open(self._path, until_s)
        return self._connection

    def _check_schema(self, connection: apsw.Connection) -> None:
        if self._is_migrated:
            return
        version = schema_version(connection)
        if version < SCHEMA_VERSION:
            raise SchemaOutOfDate(
                f"{self._path} is at schema version {version}, but this release needs {SCHEMA_VERSION}: "
                "run `mayfly migrate`"
            )
        self._is_migrated = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def schema_version(connection: apsw.Connection) -> int:
    """Read the number of the newest applied migration; 0 without one."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'mayfly_migrations'").fetchall()
    if not known:
        return 0
    return int(fetch_one(connection, "SELECT coalesce(max(number), 0) AS version FROM mayfly_migrations")["version"])


def fetch_all(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
    """Run a query and fetch its rows.

    Returns:
        Dicts keyed by column name.
    """
    return list(connection.execute(sql, values))


def fetch_one(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Row:
    """Run a query that returns exactly one row."""
    (row,) = fetch_all(connection, sql, values)
    return row


def count_changes(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> int:
    """Run a statement and count the rows it wrote or deleted."""
    connection.execute(sql, values)
    return connection.changes()


def _open(path: str, until_s: float) -> apsw.Connection:
    if path != IN_MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(path)
    try:
        connection.set_busy_timeout(_milliseconds_to(until_s))
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)
        connection.create_scalar_function("same_json", _same_json, 2, deterministic=True)
        connection.pragma("foreign_keys", True)
        connection.pragma("mmap_size", MAPPED_BYTES)
        _use_write_ahead_log(connection, until_s)
        connection.row_trace = _as_dict
    except BaseException:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: apsw.Connection, until_s: float) -> None:
    """Switch the file to WAL.

    In WAL mode, readers and the writer run concurrently.

    SQLite does not wait when two connections switch a new file concurrently, so this function does.
    """
    while connection.pragma("journal_mode") not in {"wal", "memory"}:
        try:
            connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_FIRST_USE_PAUSE_S)


@contextmanager
def _time_limit(connection: apsw.Connection, until_s: float) -> Iterator[None]:
    """Interrupt waits and queries when the time is up."""
    if time.monotonic() >= until_s:
        raise StoreUnavailable("earlier calls used up the remaining time: the call did not start")
    connection.set_busy_timeout(_milliseconds_to(until_s))
    connection.set_progress_handler(lambda: time.monotonic() > until_s, _STEPS_BETWEEN_CHECKS)
    try:
        yield
    finally:
        connection.set_progress_handler(None)


@contextmanager
def _transaction(connection: apsw.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
            connection.execute("ROLLBACK")
        raise


def _milliseconds_to(until_s: float) -> int:
    return max(1, int((until_s - time.monotonic()) * 1000))


def _as_dict(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Row:
    return dict(zip((name for name, *_ in cursor.get_description()), row, strict=True))


def _same_json(*given: Any) -> bool:
    """Compare JSON by value, ignoring key order and white space."""
    one, other = (None if text is None else from_json(text) for text in given)
    return bool(one == other)
