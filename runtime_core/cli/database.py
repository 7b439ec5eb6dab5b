"""Database of the command line, opened without any agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime_core.adapters.database import database_from
from runtime_core.adapters.migrations import MIGRATIONS, read_migrations
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[DatabaseAdapter]:
    """Open the database of the settings."""
    database = database_from(settings)
    try:
        yield database
    finally:
        await database.close()


def missing_migrations(settings: Settings, version: int) -> list[str]:
    """List the names of the migrations after a schema version."""
    is_sqlite = settings.database_url is None or settings.database_url.startswith("sqlite:")
    folder = MIGRATIONS / ("sqlite" if is_sqlite else "postgres")
    return [each.name for each in read_migrations(folder) if each.number > version]
