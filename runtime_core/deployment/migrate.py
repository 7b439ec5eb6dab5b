"""Brings a deployment's database to the schema that this version needs, and makes sure that it is there."""

from __future__ import annotations

from typing import Any

from runtime_core.errors import SchemaOutOfDate
from runtime_core.settings import Settings
from runtime_core.wiring import database_from


async def migrated(settings: Settings) -> dict[str, Any]:
    """Apply the migrations that are missing; safe in any number of processes at once.

    Returns:
        `{"applied": [names], "schema_version": number}`, as JSON.

    Raises:
        SettingsError: No database is named, or none that is known.
        SchemaOutOfDate: The database is still behind, or a migration's text was changed after it was applied.
        StoreUnavailable: The database did not answer.
    """
    database = database_from(settings)
    try:
        applied = await database.migrate()
        version = await database.ping()
    finally:
        await database.close()
    if version < database.schema_version:
        raise SchemaOutOfDate(f"the database is at version {version} after migrating, not at {database.schema_version}")
    return {"applied": applied, "schema_version": version}
