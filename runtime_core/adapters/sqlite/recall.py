"""SQLite recall store."""

from __future__ import annotations

from uuid import UUID

from runtime_core.adapters.sqlite.connection import SqliteFile
from runtime_core.adapters.sqlite.search import recall_memories
from runtime_core.domain.memory import Hit
from runtime_core.domain.memory_query import RecallQuery


class SqliteRecall:
    """SQLite `RecallStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def recall(self, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
        return await self._file.read(lambda connection: recall_memories(connection, agent_id, recall))
