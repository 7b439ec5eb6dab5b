"""SQLite key-value store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import apsw
from pydantic_core import from_json

from runtime_core.adapters.sqlite.connection import SqliteFile, count_changes, fetch_all
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_json, as_text


class SqliteCache:
    """SQLite `KeyValueStore`; setting a value deletes expired ones."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def get_value(self, agent_id: UUID, key: str) -> Any:
        values = self._values(agent_id, key)
        found = await self._file.read(lambda connection: fetch_all(connection, QUERIES["cached_value"], values))
        return from_json(found[0]["value"]) if found else None

    async def set_value(self, agent_id: UUID, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        values = self._values(agent_id, key) | {
            "value": as_json(value),
            "expires_at": as_text(expires_at) if expires_at else None,
        }

        def put(connection: apsw.Connection) -> None:
            connection.execute(QUERIES["sweep_cache"], values)
            connection.execute(QUERIES["set_cached_value"], values)

        await self._file.write(put)

    async def delete_value(self, agent_id: UUID, key: str) -> bool:
        values = self._values(agent_id, key)
        deleted = await self._file.write(
            lambda connection: count_changes(connection, QUERIES["delete_cached_value"], values)
        )
        return deleted > 0

    def _values(self, agent_id: UUID, key: str) -> dict[str, Any]:
        return {"agent_id": str(agent_id), "key": key, "now": as_text(self._clock())}
