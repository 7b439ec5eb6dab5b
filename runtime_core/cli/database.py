"""The command line's database: opened from the settings alone, with its migrations known by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime_core.adapters.database import open_database
from runtime_core.adapters.migrations import MIGRATIONS, read_migrations
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings


def is_sqlite(settings: Settings) -> bool:
    """Whether the database is a file of this machine, which commands may bring up to date unasked."""
    return settings.database_url is None or settings.database_url.startswith("sqlite:")


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[DatabaseAdapter]:
    """Open the database without the agents that use it."""
    database = open_database(settings.database_url, on_lambda=settings.on_lambda, pooler=settings.database_pooler)
    try:
        yield database
    finally:
        await database.close()


def missing_migrations(settings: Settings, version: int) -> list[str]:
    """Names of the migrations that a database at this schema version was not given yet."""
    folder = MIGRATIONS / ("sqlite" if is_sqlite(settings) else "postgres")
    return [each.name for each in read_migrations(folder) if each.number > version]
