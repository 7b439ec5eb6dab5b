"""SQLite memory store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import Row, SqliteFile, count_changes, fetch_all, fetch_one
from runtime_core.adapters.sqlite.memory_filter import apply_filter
from runtime_core.adapters.sqlite.search import check_dimensions, search_memories
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_columns, as_json, as_text, as_vector, from_vector, read
from runtime_core.domain.memory import Hit, Memory
from runtime_core.errors import InvalidRecord, RecordNotFound
from runtime_core.ports import MemoryFilter, MemoryQuery


class SqliteMemories:
    """SQLite `MemoryStore`."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def create(
        self,
        agent_id: UUID,
        memories: Sequence[Memory],
        *,
        embedding_model: str = "",
        embedding_priority: str | None = None,
    ) -> list[Memory]:
        now = self._clock()
        stored = [_as_stored(each, agent_id, now) for each in memories]

        def create(connection: apsw.Connection) -> None:
            for memory in stored:
                priority = embedding_priority if memory.embedding is None else None
                connection.execute(QUERIES["add_memory"], memory_values(memory, agent_id, now, priority))
            _add_embeddings(
                connection, agent_id, [each for each in stored if each.embedding is not None], embedding_model, now
            )

        await self._file.write(create)
        return stored

    async def update(self, agent_id: UUID, memories: Sequence[Memory]) -> None:
        now = self._clock()

        def update(connection: apsw.Connection) -> None:
            for memory in memories:
                _update(connection, agent_id, memory, now)

        await self._file.write(update)

    async def delete(self, agent_id: UUID, which: Sequence[UUID] | MemoryFilter) -> int:
        if isinstance(which, MemoryFilter):
            sql, values = apply_filter(QUERIES["delete_memories"], agent_id, which)
        else:
            sql, values = QUERIES["delete_memories_by_id"], _by_ids(agent_id, which)
        return await self._file.write(lambda connection: count_changes(connection, sql, values))

    async def get(self, agent_id: UUID, ids: Sequence[UUID]) -> list[Memory]:
        values = _by_ids(agent_id, ids)
        found = await self._file.read(
            lambda connection: fetch_all(connection, QUERIES["memories_with_embedding"], values)
        )
        return [_with_embedding(row) for row in found]

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int = 100) -> list[Memory]:
        sql, values = apply_filter(QUERIES["find_memories"], agent_id, which)
        found = await self._file.read(lambda connection: fetch_all(connection, sql, values | {"limit": limit}))
        return [read(Memory, row) for row in found]

    async def count(self, agent_id: UUID, which: MemoryFilter) -> int:
        sql, values = apply_filter(QUERIES["count_memories"], agent_id, which)
        return int(await self._file.read(lambda connection: fetch_one(connection, sql, values)["number"]))

    async def search(self, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
        return await self._file.read(lambda connection: search_memories(connection, agent_id, query, which))


def memory_values(memory: Memory, agent_id: UUID, now: datetime, embedding_priority: str | None) -> dict[str, Any]:
    """Write the columns of a new memory.

    A memory without text wants no embedding.
    """
    priority = embedding_priority if memory.content.text else None
    values = as_columns(memory) | {"agent_id": str(agent_id), "embedding_priority": priority}
    values["embedding_wanted_at"] = as_text(now) if priority else None
    values["created_at"] = values["created_at"] or as_text(now)
    return values


def _as_stored(memory: Memory, agent_id: UUID, now: datetime) -> Memory:
    as_text(memory.created_at or now)  # rejects a time without a zone before anything is written
    return replace(memory, agent_id=agent_id, created_at=(memory.created_at or now).astimezone(UTC))


def _add_embeddings(
    connection: apsw.Connection, agent_id: UUID, memories: Sequence[Memory], model: str, now: datetime
) -> None:
    if not memories:
        return
    if not model:
        raise InvalidRecord("an embedding needs the name of the model that made it: pass embedding_model")
    vectors = [memory.embedding or () for memory in memories]
    check_dimensions(connection, agent_id, model, {len(vector) for vector in vectors})
    for memory, vector in zip(memories, vectors, strict=True):
        values = {
            "agent_id": str(agent_id),
            "memory_id": str(memory.id),
            "model": model,
            "dimension": len(vector),
            "content_hash": hashlib.sha256(memory.content.text.encode()).hexdigest(),
            "vector": as_vector(vector),
            "now": as_text(now),
        }
        connection.execute(QUERIES["add_embedding"], values)


def _update(connection: apsw.Connection, agent_id: UUID, memory: Memory, now: datetime) -> None:
    values = {"agent_id": str(agent_id), "id": str(memory.id), "now": as_text(now)}
    found = fetch_all(connection, QUERIES["memory"], values)
    if not found:
        raise RecordNotFound(f"memory {memory.id} does not exist")
    changes = {"content": as_json(memory.content), "metadata": as_json(memory.metadata)}
    connection.execute(QUERIES["change_memory"], values | changes)
    if found[0]["text"] == memory.content.text:
        return
    connection.execute(QUERIES["delete_failures"], values | {"ids": as_json([str(memory.id)])})
    was_embedded = count_changes(connection, QUERIES["delete_embeddings"], values)
    if was_embedded or found[0]["embedding_priority"] is not None:
        connection.execute(QUERIES["want_embedding_again"], values)


def _by_ids(agent_id: UUID, ids: Sequence[UUID]) -> dict[str, Any]:
    return {"agent_id": str(agent_id), "ids": as_json([str(each) for each in ids])}


def _with_embedding(row: Row) -> Memory:
    memory = read(Memory, row)
    return memory if row["vector"] is None else replace(memory, embedding=from_vector(row["vector"]))
