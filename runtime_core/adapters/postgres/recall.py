"""Postgres recall store."""

from __future__ import annotations

from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.memory import Hit
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.domain.rows import read_json
from runtime_core.domain.values import encode_json


class PostgresRecall:
    """A `RecallStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def recall(self, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
        text = await self._connections.fetch_json(QUERIES["recall"], agent_id, encode_json(recall), repeatable=True)
        return read_json(list[list[Hit]], text or "[]")
