"""SQLite database adapter: one file, no configuration, the same behaviour as Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from runtime_core.adapters.sqlite.cache import SqliteCache
from runtime_core.adapters.sqlite.connection import SCHEMA_VERSION, SqliteFile, schema_version
from runtime_core.adapters.sqlite.embeddings import SqliteEmbeddings
from runtime_core.adapters.sqlite.memories import SqliteMemories
from runtime_core.adapters.sqlite.migrator import apply_migrations
from runtime_core.adapters.sqlite.recall import SqliteRecall
from runtime_core.adapters.sqlite.records import SqliteRecords
from runtime_core.adapters.sqlite.tasks import SqliteTasks
from runtime_core.adapters.sqlite.turns import SqliteTurns


def utc_now() -> datetime:
    """Return the time of this machine, since a file has no clock."""
    return datetime.now(UTC)


class SqliteAdapter:
    """SQLite `DatabaseAdapter` over one file, which several processes may share.

    The file and its folder are created on first use. A `:memory:` database exists until `close`.

    Args:
        path: Path of the file, or `:memory:`.
        clock: Time for `created_at`, leases and expiry.
    """

    def __init__(self, path: Path | str, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._file = SqliteFile(path)
        self._clock = clock
        self.turns = SqliteTurns(self._file, clock)
        self.memories = SqliteMemories(self._file, clock)
        self.recall = SqliteRecall(self._file)
        self.records = SqliteRecords(self._file, clock)
        self.cache = SqliteCache(self._file, clock)
        self.tasks = SqliteTasks(self._file, clock)
        self.embeddings = SqliteEmbeddings(self._file, clock)

    @property
    def schema_version(self) -> int:
        return SCHEMA_VERSION

    @property
    def migrates_on_open(self) -> bool:
        return True

    async def ping(self) -> int:
        if not await asyncio.to_thread(self._file.exists):
            return 0  # a ping must not create the file
        return await self._file.read(schema_version, needs_schema=False)

    async def migrate(self) -> list[str]:
        return await self._file.write(lambda connection: apply_migrations(connection, self._clock), needs_schema=False)

    async def close(self) -> None:
        await self._file.close()
