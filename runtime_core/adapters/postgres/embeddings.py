"""Postgres embedding store.

Vectors are sent in binary, five times faster than as text.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from uuid import UUID
from weakref import WeakSet

from runtime_core.adapters.postgres.pool import Connections, StoreConnection
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.embedding_job import EmbeddingFailure, EmbeddingJob, MadeEmbedding, Priority, WantedEmbedding
from runtime_core.domain.memory import Memory
from runtime_core.domain.rows import read_json
from runtime_core.domain.values import encode_json

_HEADER = struct.Struct("!hh")  # pgvector's binary format: dimension, an unused field, big-endian floats
_SCHEMA_OF_VECTOR = """
    select n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid = to_regtype('vector')
"""


class PostgresEmbeddings:
    """Postgres `EmbeddingStore`.

    Every statement except a claim is retried after a lost connection.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._with_codec: WeakSet[StoreConnection] = WeakSet()  # connections that can send vectors

    async def want(self, agent_id: UUID, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        text = await self._connections.fetch_json(
            QUERIES["want_embeddings"], agent_id, list(ids), str(priority), repeatable=True
        )
        return read_json(list[UUID], text or "[]")

    async def wanted(self, agent_id: UUID, ids: Sequence[UUID], *, model: str) -> list[WantedEmbedding]:
        text = await self._connections.fetch_json(
            QUERIES["wanted_embeddings"], agent_id, list(ids), model, repeatable=True
        )
        return read_json(list[WantedEmbedding], text or "[]")

    async def keep(self, agent_id: UUID, made: Sequence[MadeEmbedding], *, model: str) -> list[UUID]:
        if not made:
            return []
        ids, hashes = [each.memory_id for each in made], [each.content_hash for each in made]
        vectors = [_encode_vector(each.vector) for each in made]

        async def keep(connection: StoreConnection) -> str | None:
            await self._set_codec(connection)
            return await self._connections.fetch_value(
                connection, QUERIES["keep_embeddings"], agent_id, ids, hashes, vectors, model
            )

        text = await self._connections.use(keep, repeatable=True)
        return read_json(list[UUID], text or "[]")

    async def keep_fragments(
        self, agent_id: UUID, document: WantedEmbedding, fragments: Sequence[Memory], priority: Priority
    ) -> bool:
        text = await self._connections.fetch_json(
            QUERIES["keep_fragments"],
            agent_id,
            document.memory_id,
            document.content_hash,
            encode_json(fragments),
            str(priority),
            repeatable=True,
        )
        return text == "true"

    async def settle(self, agent_id: UUID, done: Sequence[WantedEmbedding]) -> list[UUID]:
        ids, hashes = [each.memory_id for each in done], [each.content_hash for each in done]
        text = await self._connections.fetch_json(QUERIES["settle_embeddings"], agent_id, ids, hashes, repeatable=True)
        return read_json(list[UUID], text or "[]")

    async def fail(self, agent_id: UUID, failures: Sequence[EmbeddingFailure]) -> list[UUID]:
        ids, hashes = [each.memory_id for each in failures], [each.content_hash for each in failures]
        reasons = [each.reason.replace("\x00", "") for each in failures]
        text = await self._connections.fetch_json(
            QUERIES["fail_embeddings"], agent_id, ids, hashes, reasons, repeatable=True
        )
        return read_json(list[UUID], text or "[]")

    async def failed(self, agent_id: UUID, *, limit: int = 100) -> list[EmbeddingFailure]:
        text = await self._connections.fetch_json(QUERIES["failed_embeddings"], agent_id, limit, repeatable=True)
        return read_json(list[EmbeddingFailure], text or "[]")

    async def claim_overdue(
        self, agent_ids: Sequence[UUID], priority: Priority, *, overdue_s: float, limit: int
    ) -> list[EmbeddingJob]:
        text = await self._connections.fetch_json(
            QUERIES["claim_overdue_embeddings"],
            encode_json(list(agent_ids)),
            str(priority),
            round(overdue_s * 1000),
            limit,
        )
        return read_json(list[EmbeddingJob], text or "[]")

    async def lacking(
        self, agent_id: UUID, *, model: str, after: UUID | None = None, limit: int = 100
    ) -> list[WantedEmbedding]:
        text = await self._connections.fetch_json(
            QUERIES["lacking_embeddings"], agent_id, model, after, limit, repeatable=True
        )
        return read_json(list[WantedEmbedding], text or "[]")

    async def _set_codec(self, connection: StoreConnection) -> None:
        """Register the binary vector codec, which takes one query per connection."""
        if connection in self._with_codec:
            return
        schema = await self._connections.fetch_value(connection, _SCHEMA_OF_VECTOR)
        await connection.set_type_codec("vector", schema=schema, encoder=bytes, decoder=bytes, format="binary")
        self._with_codec.add(connection)


def _encode_vector(vector: Sequence[float]) -> bytes:
    numbers = array("f", vector)
    if sys.byteorder == "little":
        numbers.byteswap()
    return _HEADER.pack(len(numbers), 0) + numbers.tobytes()
