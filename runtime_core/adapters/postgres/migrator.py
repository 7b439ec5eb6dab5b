"""Postgres migrations, safe to run concurrently."""

from __future__ import annotations

import json

import asyncpg

from runtime_core.adapters.migrations import MIGRATIONS, Migration, missing, read_migrations
from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES

# Building an index over a large table takes minutes, and a deploy step waits for it.
MIGRATE_LIMIT_S = 900.0


async def migrate(connections: Connections) -> list[str]:
    """Apply the missing migrations in one transaction, all or none.

    Raises:
        SchemaOutOfDate: A migration file was changed after it was applied.
    """
    migrations = read_migrations(MIGRATIONS / "postgres")
    return await connections.use(lambda connection: _apply(connection, migrations), limit_s=MIGRATE_LIMIT_S)


async def _apply(connection: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    async with connection.transaction():
        await connection.execute(QUERIES["lock_migrations"])
        await connection.execute(QUERIES["create_migrations"])
        applied: dict[str, str] = json.loads(await connection.fetchval(QUERIES["applied_migrations"]))
        wanted = missing(migrations, {int(number): digest for number, digest in applied.items()})
        for migration in wanted:
            await connection.execute(migration.sql)
            await connection.execute(QUERIES["record_migration"], migration.number, migration.name, migration.sha256)
    return [migration.name for migration in wanted]
