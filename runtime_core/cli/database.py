"""Database of the command line, opened without any agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings
from runtime_core.wiring import database_from, list_migrations


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
    return [each.name for each in list_migrations(settings) if each.number > version]
