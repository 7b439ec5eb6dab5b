"""Migration of a deployment's database to the schema that this version needs."""

from __future__ import annotations

from typing import Any

from runtime_core.errors import SchemaOutOfDate
from runtime_core.settings import Settings
from runtime_core.wiring import database_from


async def migrate(settings: Settings) -> dict[str, Any]:
    """Apply the missing migrations; safe in concurrent processes.

    Returns:
        `{"applied": [names], "schema_version": number}`, as JSON.

    Raises:
        SettingsError: No database is configured, or its kind is unknown.
        SchemaOutOfDate: The database is still behind, or the text of an applied migration has changed.
        StoreUnavailable: The database did not answer.
    """
    database = database_from(settings)
    try:
        applied = await database.migrate()
        version = await database.ping()
    finally:
        await database.close()
    if version < database.schema_version:
        raise SchemaOutOfDate(
            f"the database is at version {version} after the migration, expected {database.schema_version}"
        )
    return {"applied": applied, "schema_version": version}
