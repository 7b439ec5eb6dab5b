"""Postgres memory store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.adapters.vectors import check_vector
from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.rows import read_json
from runtime_core.domain.values import encode_json
from runtime_core.ports import MemoryFilter, MemoryQuery


class PostgresMemories:
    """Postgres `MemoryStore`; only reads and updates are retried after a lost connection."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def create(
        self,
        agent_id: UUID,
        memories: Sequence[Memory],
        *,
        embedding_model: str = "",
        embedding_priority: str | None = None,
    ) -> list[Memory]:
        if not memories:
            return []
        text = await self._connections.fetch_json(
            QUERIES["create_memories"], agent_id, encode_json(memories), embedding_model, embedding_priority
        )
        return read_json(list[Memory], text or "[]")

    async def update(self, agent_id: UUID, memories: Sequence[Memory]) -> None:
        if memories:
            await self._connections.fetch_json(
                QUERIES["update_memories"], agent_id, encode_json(memories), repeatable=True
            )

    async def delete(self, agent_id: UUID, which: Sequence[UUID] | MemoryFilter) -> int:
        if isinstance(which, MemoryFilter):
            text = await self._connections.fetch_json(QUERIES["delete_memories"], agent_id, encode_json(which))
        elif which:
            text = await self._connections.fetch_json(QUERIES["delete_memories_by_id"], agent_id, list(which))
        else:
            return 0
        return int(text or 0)

    async def get(self, agent_id: UUID, ids: Sequence[UUID]) -> list[Memory]:
        if not ids:
            return []
        text = await self._connections.fetch_json(QUERIES["get_memories"], agent_id, list(ids), repeatable=True)
        return read_json(list[Memory], text or "[]")

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int = 100) -> list[Memory]:
        text = await self._connections.fetch_json(
            QUERIES["find_memories"], agent_id, encode_json(which), limit, repeatable=True
        )
        return read_json(list[Memory], text or "[]")

    async def count(self, agent_id: UUID, which: MemoryFilter) -> int:
        text = await self._connections.fetch_json(
            QUERIES["count_memories"], agent_id, encode_json(which), repeatable=True
        )
        return int(text or 0)

    async def search(self, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
        if query.embedding is not None:
            check_vector(query.embedding)
        text = await self._connections.fetch_json(
            QUERIES["search_memories"], agent_id, encode_json(query), encode_json(which), repeatable=True
        )
        return read_json(list[Hit], text or "[]")
