"""Postgres database adapter."""

from __future__ import annotations

import time
from collections.abc import Callable

from runtime_core.adapters.postgres.cache import PostgresCache
from runtime_core.adapters.postgres.embeddings import PostgresEmbeddings
from runtime_core.adapters.postgres.memories import PostgresMemories
from runtime_core.adapters.postgres.migrator import migrate
from runtime_core.adapters.postgres.pool import Connections, Pooler
from runtime_core.adapters.postgres.recall import PostgresRecall
from runtime_core.adapters.postgres.records import PostgresRecords
from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.adapters.postgres.tasks import PostgresTasks
from runtime_core.adapters.postgres.turns import PostgresTurns
from runtime_core.errors import SchemaOutOfDate


class PostgresAdapter:
    """Postgres `DatabaseAdapter`.

    It connects on first use, in the event loop that uses it.

    Args:
        url: `postgresql://user:password@host:port/database?sslmode=…`; also `postgres://`, `postgresql+asyncpg://`.
        max_connections: Limit of concurrent connections; on Lambda 1 is enough.
        pooler: `transaction` behind a transaction-mode pooler (pgbouncer, RDS Proxy).
        clock: Monotonic seconds; decides when an idle connection is checked.
    """

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 10,
        pooler: Pooler = "none",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = Connections(
            url.replace("postgresql+asyncpg://", "postgresql://", 1),
            max_connections=max_connections,
            pooler=pooler,
            clock=clock,
        )
        self._turns = PostgresTurns(self._connections)
        self._memories = PostgresMemories(self._connections)
        self._recall = PostgresRecall(self._connections)
        self._records = PostgresRecords(self._connections)
        self._cache = PostgresCache(self._connections)
        self._tasks = PostgresTasks(self._connections)
        self._embeddings = PostgresEmbeddings(self._connections)

    @property
    def schema_version(self) -> int:
        return SCHEMA_VERSION

    @property
    def turns(self) -> PostgresTurns:
        return self._turns

    @property
    def memories(self) -> PostgresMemories:
        return self._memories

    @property
    def recall(self) -> PostgresRecall:
        return self._recall

    @property
    def records(self) -> PostgresRecords:
        return self._records

    @property
    def cache(self) -> PostgresCache:
        return self._cache

    @property
    def tasks(self) -> PostgresTasks:
        return self._tasks

    @property
    def embeddings(self) -> PostgresEmbeddings:
        return self._embeddings

    @property
    def migrates_on_open(self) -> bool:
        return False

    async def ping(self) -> int:
        try:
            return int(await self._connections.fetch_json(QUERIES["schema_version"], repeatable=True) or 0)
        except SchemaOutOfDate:  # even the table of migrations is missing
            return 0

    async def migrate(self) -> list[str]:
        return await migrate(self._connections)

    async def close(self) -> None:
        await self._connections.close()
