"""One SQLite file, driven from one thread, so that the event loop never waits for the disk."""

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

SCHEMA_VERSION = 3  # number of the newest migration; a test holds it against the folder
CALL_TIMEOUT_S = 30.0  # of one call, where the invocation has more time left
IN_MEMORY = ":memory:"
MAPPED_BYTES = 1024**3  # of the file, read in place: a search reads every vector, and copying them takes longer
_STEPS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine: some 100 µs
_FIRST_USE_PAUSE_S = 0.005


class SqliteFile:
    """Runs work on the file's connection: one call after the other, each within its deadline."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._worker: _Worker | None = None
        self._lock = threading.Lock()  # callers may come from loops of several threads

    def exists(self) -> bool:
        """Whether it is there already; where that cannot be told, opening it tells why."""
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
        """Run work that sees one state of the database."""
        return await self._call(work, "BEGIN", needs_schema)

    async def write(self, work: Work[T], *, needs_schema: bool = True) -> T:
        """Run work that no other writer can come between; all of it is kept, or nothing."""
        return await self._call(work, "BEGIN IMMEDIATE", needs_schema)

    async def close(self) -> None:
        """Close the file; work that is under way ends first."""
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
    """The thread and the connection that lives in it."""

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
            connection = self._connected(until_s)
            with _limited(connection, until_s), _transaction(connection, begin):
                if needs_schema:
                    self._check_schema(connection)
                return work(connection)

    def _connected(self, until_s: float) -> apsw.Connection:
        if self._connection is None:
            self._connection = _open(self._path, until_s)
        return self._connection

    def _check_schema(self, connection: apsw.Connection) -> None:
        if self._is_migrated:
            return
        version = schema_version(connection)
        if version < SCHEMA_VERSION:
            raise SchemaOutOfDate(
                f"{self._path} is at schema version {version}, this release needs {SCHEMA_VERSION}: "
                "run `mayfly migrate`"
            )
        self._is_migrated = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def schema_version(connection: apsw.Connection) -> int:
    """Give the number of the newest migration applied, 0 when there is none."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'mayfly_migrations'").fetchall()
    if not known:
        return 0
    return int(one(connection, "SELECT coalesce(max(number), 0) AS version FROM mayfly_migrations")["version"])


def rows(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
    """Run a query; its rows are dicts by column name."""
    return list(connection.execute(sql, values))


def one(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Row:
    """Run a query that gives one row."""
    (row,) = rows(connection, sql, values)
    return row


def changed(connection: apsw.Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> int:
    """Run a statement; says how many rows it wrote or deleted."""
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
    """Let readers go on beside the writer; the mode stays with the file.

    SQLite does not wait when two connections switch a new file at once, so the wait is here.
    """
    while connection.pragma("journal_mode") not in {"wal", "memory"}:
        try:
            connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_FIRST_USE_PAUSE_S)


@contextmanager
def _limited(connection: apsw.Connection, until_s: float) -> Iterator[None]:
    """Stop waiting and working when the time is up."""
    if time.monotonic() >= until_s:
        raise StoreUnavailable("other work took all the time that was left; nothing was done")
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
        if connection.in_transaction:  # SQLite ends it by itself when the disk is full
            connection.execute("ROLLBACK")
        raise


def _milliseconds_to(until_s: float) -> int:
    return max(1, int((until_s - time.monotonic()) * 1000))


def _as_dict(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Row:
    return dict(zip((name for name, *_ in cursor.get_description()), row, strict=True))


def _same_json(*given: Any) -> bool:
    """Compare JSON by meaning: the order of keys and the white space do not count."""
    one, other = (None if text is None else from_json(text) for text in given)
    return bool(one == other)
