"""Postgres key-value store."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.rows import read_json
from runtime_core.domain.values import encode_json


class PostgresCache:
    """Postgres `KeyValueStore`; values expire by the database's clock."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def get_value(self, agent_id: UUID, key: str) -> Any:
        text = await self._connections.fetch_json(QUERIES["get_value"], agent_id, key, repeatable=True)
        return None if text is None else read_json(object, text)

    async def set_value(self, agent_id: UUID, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        await self._connections.fetch_json(
            QUERIES["set_value"], agent_id, key, encode_json(value), expires_at, repeatable=True
        )

    async def delete_value(self, agent_id: UUID, key: str) -> bool:
        text = await self._connections.fetch_json(QUERIES["delete_value"], agent_id, key)
        return text == "true"
