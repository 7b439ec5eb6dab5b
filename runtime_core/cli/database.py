"""The command line's database: opened from the settings alone, with its migrations known by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings
from runtime_core.wiring import database_from, list_migrations


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[DatabaseAdapter]:
    """Open the database without the agents that use it."""
    database = database_from(settings)
    try:
        yield database
    finally:
        await database.close()


def missing_migrations(settings: Settings, version: int) -> list[str]:
    """Names of the migrations that a database at this schema version was not given yet."""
    return [each.name for each in list_migrations(settings) if each.number > version]
