"""Verbs on the memories and the cache of one agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from runtime_core.domain.memory import Hit, Memory, MemoryType, coerce_memory
from runtime_core.domain.memory_query import MemoryFilter, MemoryQuery
from runtime_core.errors import InvalidInput
from runtime_core.recall.finding import Finder, find_hits

AnyMemory = Memory | Mapping[str, Any]


class MemoryVerbs(Finder, Protocol):
    """Verbs on memories.

    A memory may be given as a dict of its fields.
    """

    def as_message(self, message: AnyMemory) -> Memory:
        """Coerce a message; without `entity_id` the agent itself is the sender."""
        return self.as_memory(message, name="message")

    def as_memory(self, memory: AnyMemory, *, name: str = "memory") -> Memory:
        """Coerce a memory; without `entity_id` the agent itself is the sender.

        Args:
            name: The name of the memory in errors.
        """
        if isinstance(memory, Mapping) and not {"entity_id", "user_id"} & memory.keys():
            memory = {**memory, "entity_id": self.agent_id}
        return coerce_memory(memory, name=name)

    async def create_memory(self, memory: AnyMemory, table: str | None = None) -> UUID:
        """Store a memory and return its id; `table` overrides the memory's own."""
        stored = self.as_memory(memory)
        await self.database.memories.create(
            self.agent_id, [replace(stored, table=table or stored.table)], embedding_model=self.embedding_model()
        )
        return stored.id

    async def create_memories(self, memories: Sequence[AnyMemory]) -> list[UUID]:
        """Store memories, all or none, and return their ids in order."""
        values = [self.as_memory(each) for each in memories]
        await self.database.memories.create(self.agent_id, values, embedding_model=self.embedding_model())
        return [each.id for each in values]

    async def update_memory(self, memory: AnyMemory) -> None:
        """Replace the content and metadata of the memory with this id."""
        await self.database.memories.update(self.agent_id, [self.as_memory(memory)])

    async def delete_memory(self, memory_id: UUID) -> bool:
        """Delete a memory.

        Returns:
            Whether it existed.
        """
        return await self.database.memories.delete(self.agent_id, [memory_id]) > 0

    async def get_memory_by_id(self, memory_id: UUID) -> Memory | None:
        """Return the memory with this id.

        Returns:
            None if there is none.
        """
        return next(iter(await self.database.memories.get(self.agent_id, [memory_id])), None)

    async def get_memories_by_ids(self, ids: Sequence[UUID]) -> list[Memory]:
        """Return the existing memories among these ids, in the order given."""
        return await self.database.memories.get(self.agent_id, ids)

    async def get_memories(  # noqa: PLR0913 - the reference's parameters, all by keyword
        self,
        *,
        table: str | None = MemoryType.MESSAGE.value,
        room_id: UUID | None = None,
        room_ids: Sequence[UUID] = (),
        entity_id: UUID | None = None,
        world_id: UUID | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
    ) -> list[Memory]:
        """Return the newest matching memories, newest first."""
        which = _filter(table, room_id, room_ids, entity_id, world_id, start, end)
        return await self.database.memories.find(self.agent_id, which, limit=limit)

    async def count_memories(
        self,
        *,
        table: str | None = MemoryType.MESSAGE.value,
        room_id: UUID | None = None,
        entity_id: UUID | None = None,
        world_id: UUID | None = None,
    ) -> int:
        """Count the matching memories."""
        return await self.database.memories.count(self.agent_id, _filter(table, room_id, (), entity_id, world_id))

    async def search_memories(  # noqa: PLR0913 - the reference's parameters, all by keyword
        self,
        query: str | Sequence[float],
        limit: int = 10,
        *,
        table: str | None = None,
        room_id: UUID | None = None,
        entity_id: UUID | None = None,
        world_id: UUID | None = None,
        match_threshold: float | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Memory]:
        """Find the best matching memories, best first.

        Args:
            query: A text, matched by words and meaning, or an embedding of the agent's model, of shape `(dim,)`.

        Raises:
            SettingsError, ModelError, DimensionMismatch: See `find_hits`.
        """
        hits = await self.search_hits(
            query,
            limit,
            table=table,
            room_id=room_id,
            entity_id=entity_id,
            world_id=world_id,
            match_threshold=match_threshold,
            start=start,
            end=end,
        )
        return [hit.memory for hit in hits]

    async def search_hits(  # noqa: PLR0913 - as `search_memories`
        self,
        query: str | Sequence[float],
        limit: int = 10,
        *,
        table: str | None = None,
        room_id: UUID | None = None,
        entity_id: UUID | None = None,
        world_id: UUID | None = None,
        match_threshold: float | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        neighbours: int = 0,
    ) -> list[Hit]:
        """Find the best matching memories with scores, as `search_memories`.

        Args:
            neighbours: Number of adjacent memories to add before and after each hit, of its room and table.
        """
        wanted = MemoryQuery(
            text=query if isinstance(query, str) else "",
            embedding=None if isinstance(query, str) else tuple(query),
            model="" if isinstance(query, str) else self.embedding_model(),
            match_threshold=match_threshold,
            limit=limit,
            neighbours=neighbours,
        )
        return await find_hits(self, wanted, _filter(table, room_id, (), entity_id, world_id, start, end))

    async def create_fact(self, fact: AnyMemory) -> UUID:
        """Store a memory as a fact and return its id."""
        return await self.create_memory(fact, MemoryType.FACT.value)

    async def search_facts(self, query: str | Sequence[float], limit: int = 10, **which: Any) -> list[Memory]:
        """Find the best matching facts, as `search_memories`."""
        return await self.search_memories(query, limit, table=MemoryType.FACT.value, **which)

    async def get_cache(self, key: str) -> Any:
        return await self.database.cache.get_value(self.agent_id, key)

    async def set_cache(self, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        await self.database.cache.set_value(self.agent_id, key, value, expires_at=expires_at)

    async def delete_cache(self, key: str) -> bool:
        return await self.database.cache.delete_value(self.agent_id, key)


def _filter(
    table: str | None,
    room_id: UUID | None,
    room_ids: Sequence[UUID],
    entity_id: UUID | None,
    world_id: UUID | None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> MemoryFilter:
    if room_id is not None and room_ids:
        raise InvalidInput("expected room_id or room_ids, not both", path="room_id")
    rooms = (room_id,) if room_id is not None else tuple(room_ids)
    return MemoryFilter(table=table, room_ids=rooms, entity_id=entity_id, world_id=world_id, start=start, end=end)
