"""SQLite embedding store.

Each write compares the memory's text under the write lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import SqliteFile, count_changes, fetch_all
from runtime_core.adapters.sqlite.memories import memory_values
from runtime_core.adapters.sqlite.search import check_dimensions
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_json, as_text, as_vector
from runtime_core.domain.embedding_job import (
    EmbeddingFailure,
    EmbeddingJob,
    MadeEmbedding,
    Priority,
    WantedEmbedding,
    content_hash,
)
from runtime_core.domain.memory import Memory


class SqliteEmbeddings:
    """SQLite `EmbeddingStore`."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def want(self, agent_id: UUID, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        values = self._values(agent_id, ids) | {"priority": str(priority)}

        def want(connection: apsw.Connection) -> list[UUID]:
            connection.execute(QUERIES["delete_failures"], values)
            connection.execute(QUERIES["want_embedding"], values)
            return [UUID(row["id"]) for row in fetch_all(connection, QUERIES["memories_to_want"], values)]

        return await self._file.write(want)

    async def wanted(self, agent_id: UUID, ids: Sequence[UUID], *, model: str) -> list[WantedEmbedding]:
        values = self._values(agent_id, ids) | {"model": model}
        found = await self._file.read(lambda connection: fetch_all(connection, QUERIES["wanted_embeddings"], values))
        now = self._clock()
        return [replace(_read_wanted(row), age_s=_age_s(row["created_at"], now)) for row in found]

    async def keep(self, agent_id: UUID, made: Sequence[MadeEmbedding], *, model: str) -> list[UUID]:
        if not made:
            return []
        now = as_text(self._clock())

        def keep(connection: apsw.Connection) -> list[UUID]:
            check_dimensions(connection, agent_id, model, {len(each.vector) for each in made})
            current, others = _split_by_hash(connection, agent_id, {each.memory_id: each.content_hash for each in made})
            for each in made:
                if each.memory_id in current:
                    values = {
                        "agent_id": str(agent_id),
                        "memory_id": str(each.memory_id),
                        "model": model,
                        "dimension": len(each.vector),
                        "content_hash": each.content_hash,
                        "vector": as_vector(each.vector),
                        "now": now,
                    }
                    connection.execute(QUERIES["keep_embedding"], values)
            _settle(connection, agent_id, current)
            return others

        return await self._file.write(keep)

    async def keep_fragments(
        self, agent_id: UUID, document: WantedEmbedding, fragments: Sequence[Memory], priority: Priority
    ) -> bool:
        now = self._clock()
        new = [memory_values(each, agent_id, now, str(priority)) for each in fragments]
        of_document = {"document_id": str(document.memory_id)}

        def keep(connection: apsw.Connection) -> bool:
            current, others = _split_by_hash(connection, agent_id, {document.memory_id: document.content_hash})
            if others:
                return False
            values = self._values(agent_id, [each.id for each in fragments]) | of_document
            connection.execute(QUERIES["delete_other_fragments"], values)
            for fragment in new:
                connection.execute(QUERIES["add_memory_if_new"], fragment)
            _settle(connection, agent_id, current)
            return True

        return await self._file.write(keep)

    async def settle(self, agent_id: UUID, done: Sequence[WantedEmbedding]) -> list[UUID]:
        def settle(connection: apsw.Connection) -> list[UUID]:
            current, others = _split_by_hash(connection, agent_id, {each.memory_id: each.content_hash for each in done})
            _settle(connection, agent_id, current)
            return others

        return await self._file.write(settle)

    async def fail(self, agent_id: UUID, failures: Sequence[EmbeddingFailure]) -> list[UUID]:
        now = as_text(self._clock())

        def fail(connection: apsw.Connection) -> list[UUID]:
            current, others = _split_by_hash(
                connection, agent_id, {each.memory_id: each.content_hash for each in failures}
            )
            for each in failures:
                if each.memory_id in current:
                    values = {
                        "agent_id": str(agent_id),
                        "memory_id": str(each.memory_id),
                        "content_hash": each.content_hash,
                        "reason": each.reason.replace("\x00", ""),
                        "now": now,
                    }
                    connection.execute(QUERIES["keep_failure"], values)
            _settle(connection, agent_id, current)
            return others

        return await self._file.write(fail)

    async def failed(self, agent_id: UUID, *, limit: int = 100) -> list[EmbeddingFailure]:
        values = {"agent_id": str(agent_id), "limit": limit}
        found = await self._file.read(lambda connection: fetch_all(connection, QUERIES["failed_embeddings"], values))
        return [
            EmbeddingFailure(memory_id=UUID(row["memory_id"]), content_hash=row["content_hash"], reason=row["reason"])
            for row in found
        ]

    async def claim_overdue(
        self, agent_ids: Sequence[UUID], priority: Priority, *, overdue_s: float, limit: int
    ) -> list[EmbeddingJob]:
        now = self._clock()
        values = {
            "agent_ids": as_json([str(each) for each in agent_ids]),
            "priority": str(priority),
            "until": as_text(now - timedelta(seconds=overdue_s)),
            "limit": limit,
        }

        def claim(connection: apsw.Connection) -> list[EmbeddingJob]:
            found = fetch_all(connection, QUERIES["overdue_embeddings"], values)
            for row in found:
                named = {"agent_id": row["agent_id"], "id": row["id"], "now": as_text(now)}
                count_changes(connection, QUERIES["renew_embedding_wanted_at"], named)
            return [
                EmbeddingJob(
                    agent_id=UUID(row["agent_id"]),
                    memory_id=UUID(row["id"]),
                    content_hash=content_hash(row["text"] or ""),
                )
                for row in found
            ]

        return await self._file.write(claim)

    async def lacking(
        self, agent_id: UUID, *, model: str, after: UUID | None = None, limit: int = 100
    ) -> list[WantedEmbedding]:
        values = {"agent_id": str(agent_id), "model": model, "after": str(after or ""), "limit": limit}

        def lacking(connection: apsw.Connection) -> list[WantedEmbedding]:
            found: list[WantedEmbedding] = []
            while len(found) < limit:  # SQL cannot hash the text, so embedded memories are dropped here
                page = fetch_all(connection, QUERIES["lacking_embeddings"], values)
                found += [each for each in map(_read_wanted, page) if not each.is_embedded]
                if len(page) < limit:
                    break
                values["after"] = page[-1]["id"]
            return found[:limit]

        return await self._file.read(lacking)

    def _values(self, agent_id: UUID, ids: Sequence[UUID]) -> dict[str, Any]:
        listed = as_json([str(each) for each in ids])
        return {"agent_id": str(agent_id), "ids": listed, "now": as_text(self._clock())}


def _read_wanted(row: Mapping[str, Any]) -> WantedEmbedding:
    text = row["text"] or ""
    hashed = content_hash(text)
    return WantedEmbedding(
        memory_id=UUID(row["id"]), text=text, content_hash=hashed, is_embedded=row["embedded_hash"] == hashed
    )


def _age_s(created_at: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(created_at)).total_seconds())


def _split_by_hash(
    connection: apsw.Connection, agent_id: UUID, hashes: Mapping[UUID, str]
) -> tuple[set[UUID], list[UUID]]:
    """Split ids by whether their text has the given hash.

    Returns:
        The ids whose text has it, and the others in the order given.
    """
    values = {"agent_id": str(agent_id), "ids": as_json([str(each) for each in hashes])}
    found = fetch_all(connection, QUERIES["texts_of_memories"], values)
    present = {UUID(row["id"]): content_hash(row["text"] or "") for row in found}
    current = {each for each, hashed in hashes.items() if present.get(each) == hashed}
    return current, [each for each in hashes if each not in current]


def _settle(connection: apsw.Connection, agent_id: UUID, ids: set[UUID]) -> None:
    values = {"agent_id": str(agent_id), "ids": as_json([str(each) for each in ids])}
    connection.execute(QUERIES["clear_embedding_wanted_at"], values)
