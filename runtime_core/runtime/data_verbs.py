"""The reference's verbs on data: each one line to the stores, always for one agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from runtime_core.domain.character import Character
from runtime_core.domain.chat import EmbeddingResponse
from runtime_core.domain.memory import Hit, Memory, MemoryType, coerce_memory
from runtime_core.domain.records import Agent, Log, Record
from runtime_core.domain.run import Run
from runtime_core.domain.task import Task
from runtime_core.domain.values import coerce
from runtime_core.domain.world import Component, Entity, Participant, ParticipantState, Relationship, Room, World
from runtime_core.errors import InvalidInput
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from runtime_core.recall.finding import find_hits
from runtime_core.rooms import connections
from runtime_core.rooms.choices import note_choice
from runtime_core.rooms.connections import Connection

R = TypeVar("R", bound=Record)
AnyMemory = Memory | Mapping[str, Any]


class DataVerbs(ABC):
    """What a runtime offers on memories, entities, rooms and everything else it keeps.

    Wherever a value is passed in, a dict of its fields will do.
    """

    agent_id: UUID
    character: Character

    @property
    @abstractmethod
    def database(self) -> DatabaseAdapter:
        """The open database."""

    def as_message(self, message: AnyMemory) -> Memory:
        """A message, also given as a dict; without `entity_id` the agent itself speaks."""
        return self._as_memory(message, name="message")

    def _as_memory(self, memory: AnyMemory, *, name: str = "memory") -> Memory:
        if isinstance(memory, Mapping) and not {"entity_id", "user_id"} & memory.keys():
            memory = {**memory, "entity_id": self.agent_id}
        return coerce_memory(memory, name=name)

    # Memories

    async def create_memory(self, memory: AnyMemory, table: str | None = None) -> UUID:
        """Store a memory; returns its id. `table` wins over the memory's own."""
        stored = self._as_memory(memory)
        await self.database.memories.create(
            self.agent_id, [replace(stored, table=table or stored.table)], embedding_model=self.embedding_model()
        )
        return stored.id

    async def create_memories(self, memories: Sequence[AnyMemory]) -> list[UUID]:
        """Store many memories, all or none."""
        values = [self._as_memory(each) for each in memories]
        await self.database.memories.create(self.agent_id, values, embedding_model=self.embedding_model())
        return [each.id for each in values]

    async def update_memory(self, memory: AnyMemory) -> None:
        """Replace content and metadata of the memory with this id."""
        await self.database.memories.update(self.agent_id, [self._as_memory(memory)])

    async def delete_memory(self, memory_id: UUID) -> bool:
        """Delete a memory; says whether it was there."""
        return await self.database.memories.delete(self.agent_id, [memory_id]) > 0

    async def get_memory_by_id(self, memory_id: UUID) -> Memory | None:
        """The memory with this id, or None."""
        return next(iter(await self.database.memories.get(self.agent_id, [memory_id])), None)

    async def get_memories_by_ids(self, ids: Sequence[UUID]) -> list[Memory]:
        """Those of the ids that are there, in the order given."""
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
        """The newest memories, newest first."""
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
        """How many memories there are."""
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
        """The memories that fit best, best first: by words and meaning, or by an embedding of the agent's model.

        Raises:
            SettingsError, ModelError, DimensionMismatch: As `find_hits`.
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
        """As `search_memories`, with scores.

        Args:
            neighbours: With each hit, so many memories of its room and table from before it and from after it.
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

    @property
    @abstractmethod
    def embeds(self) -> bool:
        """Whether a model makes embeddings here."""

    @abstractmethod
    def get_setting(self, key: str, default: Any = None) -> Any:
        """A setting, as the runtime reads it."""

    @abstractmethod
    async def embed(self, texts: Sequence[str], *, max_retries: int | None = None) -> EmbeddingResponse:
        """Embed texts with the agent's embedding model."""

    @abstractmethod
    def embedding_model(self) -> str:
        """Name of the embedding model in use."""

    async def create_fact(self, fact: AnyMemory) -> UUID:
        """Store a memory among the facts."""
        return await self.create_memory(fact, MemoryType.FACT.value)

    async def search_facts(self, query: str | Sequence[float], limit: int = 10, **which: Any) -> list[Memory]:
        """`search_memories` among the facts."""
        return await self.search_memories(query, limit, table=MemoryType.FACT.value, **which)

    # Records: entities, components, relationships, rooms, worlds, tasks, logs, agents

    async def _create(self, kind: type[R], value: R | Mapping[str, Any]) -> R:
        record = coerce(kind, value, name=kind.__name__.lower())
        await self.database.records.insert(self.agent_id, [record])
        return record

    async def _create_many(self, kind: type[R], values: Sequence[R | Mapping[str, Any]]) -> list[R]:
        records = [coerce(kind, each, name=f"{kind.__name__.lower()}[{index}]") for index, each in enumerate(values)]
        await self.database.records.insert(self.agent_id, records)
        return records

    async def _update(self, kind: type[R], value: R | Mapping[str, Any]) -> None:
        await self.database.records.update(self.agent_id, [coerce(kind, value, name=kind.__name__.lower())])

    async def _get(self, kind: type[R], record_id: UUID) -> R | None:
        return next(iter(await self.database.records.get(kind, self.agent_id, [record_id])), None)

    async def create_entity(self, entity: Entity | Mapping[str, Any]) -> UUID:
        return (await self._create(Entity, entity)).id

    async def update_entity(self, entity: Entity | Mapping[str, Any]) -> None:
        await self._update(Entity, entity)

    async def get_entity(self, entity_id: UUID) -> Entity | None:
        return await self._get(Entity, entity_id)

    async def create_entities(self, entities: Sequence[Entity | Mapping[str, Any]]) -> list[UUID]:
        """Store many entities, all or none."""
        return [each.id for each in await self._create_many(Entity, entities)]

    async def update_entities(self, entities: Sequence[Entity | Mapping[str, Any]]) -> None:
        """Replace many entities, all or none."""
        values = [coerce(Entity, each, name=f"entity[{index}]") for index, each in enumerate(entities)]
        await self.database.records.update(self.agent_id, values)

    async def get_entities_for_room(self, room_id: UUID) -> list[Entity]:
        """Everyone who takes part in a room, in the order in which they joined."""
        return await self.get_entities_by_ids(await self.get_participants_for_room(room_id))

    async def get_entities_by_ids(self, ids: Sequence[UUID]) -> list[Entity]:
        return await self.database.records.get(Entity, self.agent_id, ids)

    async def create_component(self, component: Component | Mapping[str, Any]) -> UUID:
        return (await self._create(Component, component)).id

    async def update_component(self, component: Component | Mapping[str, Any]) -> None:
        await self._update(Component, component)

    async def get_components(self, entity_id: UUID, **fields: Any) -> list[Component]:
        return await self.database.records.find(Component, self.agent_id, entity_id=entity_id, **fields)

    async def delete_component(self, component_id: UUID) -> bool:
        return await self.database.records.delete(Component, self.agent_id, id=component_id) > 0

    async def create_relationship(self, relationship: Relationship | Mapping[str, Any]) -> UUID:
        return (await self._create(Relationship, relationship)).id

    async def update_relationship(self, relationship: Relationship | Mapping[str, Any]) -> None:
        await self._update(Relationship, relationship)

    async def get_relationships(self, entity_id: UUID, tags: Sequence[str] = ()) -> list[Relationship]:
        """Relationships from or to this entity that carry all the tags, oldest first."""
        wanted: dict[str, Any] = {"tags": tuple(tags)} if tags else {}
        records = self.database.records
        there = await records.find(Relationship, self.agent_id, source_entity_id=entity_id, **wanted)
        back = await records.find(Relationship, self.agent_id, target_entity_id=entity_id, **wanted)
        found = {each.id: each for each in (*there, *back)}
        return sorted(found.values(), key=lambda each: (str(each.created_at), each.id))

    async def create_room(self, room: Room | Mapping[str, Any]) -> UUID:
        return (await self._create(Room, room)).id

    async def create_rooms(self, rooms: Sequence[Room | Mapping[str, Any]]) -> list[UUID]:
        """Store many rooms, all or none."""
        return [each.id for each in await self._create_many(Room, rooms)]

    async def get_rooms_by_ids(self, ids: Sequence[UUID]) -> list[Room]:
        return await self.database.records.get(Room, self.agent_id, ids)

    async def update_room(self, room: Room | Mapping[str, Any]) -> None:
        await self._update(Room, room)

    async def get_room(self, room_id: UUID) -> Room | None:
        return await self._get(Room, room_id)

    async def get_rooms(self, world_id: UUID) -> list[Room]:
        return await self.database.records.find(Room, self.agent_id, world_id=world_id)

    async def delete_room(self, room_id: UUID) -> bool:
        return await self.database.records.delete(Room, self.agent_id, id=room_id) > 0

    async def create_world(self, world: World | Mapping[str, Any]) -> UUID:
        return (await self._create(World, world)).id

    async def update_world(self, world: World | Mapping[str, Any]) -> None:
        await self._update(World, world)

    async def get_world(self, world_id: UUID) -> World | None:
        return await self._get(World, world_id)

    async def get_all_worlds(self) -> list[World]:
        return await self.database.records.find(World, self.agent_id)

    async def add_participant(self, entity_id: UUID, room_id: UUID) -> bool:
        """Let an entity take part in a room; says whether it is new there."""
        participant = Participant(room_id=room_id, entity_id=entity_id)
        return await self.database.records.insert(self.agent_id, [participant], ignore_existing=True) > 0

    async def add_participants(self, entity_ids: Sequence[UUID], room_id: UUID) -> int:
        """Let entities take part in a room; returns how many are new there."""
        participants = [Participant(room_id=room_id, entity_id=entity_id) for entity_id in entity_ids]
        return await self.database.records.insert(self.agent_id, participants, ignore_existing=True)

    async def remove_participant(self, entity_id: UUID, room_id: UUID) -> bool:
        return await self.database.records.delete(Participant, self.agent_id, entity_id=entity_id, room_id=room_id) > 0

    async def get_participants_for_room(self, room_id: UUID) -> list[UUID]:
        found = await self.database.records.find(Participant, self.agent_id, room_id=room_id)
        return [each.entity_id for each in found]

    async def get_rooms_for_participant(self, entity_id: UUID) -> list[UUID]:
        found = await self.database.records.find(Participant, self.agent_id, entity_id=entity_id)
        return [each.room_id for each in found]

    async def create_task(self, task: Task | Mapping[str, Any]) -> UUID:
        """Keep work for later; one tagged `AWAITING_CHOICE` is offered to whoever talks in its room."""
        created = await self._create(Task, task)
        await note_choice(self.database.records, self.agent_id, created)
        return created.id

    async def update_task(self, task: Task | Mapping[str, Any]) -> None:
        await self._update(Task, task)

    async def get_task(self, task_id: UUID) -> Task | None:
        return await self._get(Task, task_id)

    async def get_tasks(self, **fields: Any) -> list[Task]:
        """Tasks whose fields equal these (`room_id=…`, `tags=("queue",)`), oldest first."""
        return await self.database.records.find(Task, self.agent_id, **fields)

    async def delete_task(self, task_id: UUID) -> bool:
        return await self.database.records.delete(Task, self.agent_id, id=task_id) > 0

    async def log(self, log: Log | Mapping[str, Any]) -> UUID:
        """Append a line to the audit trail."""
        return (await self._create(Log, log)).id

    async def get_logs(self, **fields: Any) -> list[Log]:
        return await self.database.records.find(Log, self.agent_id, **fields)

    async def get_agent(self, agent_id: UUID) -> Agent | None:
        """An agent of this database, by id."""
        return next(iter(await self.database.records.find(Agent, None, id=agent_id)), None)

    async def get_agents(self) -> list[Agent]:
        """The agents of this database, oldest first."""
        return await self.database.records.find(Agent, None)

    async def get_run(self, run_id: UUID) -> Run | None:
        """The run of one of this agent's messages, or None."""
        run = await self.database.turns.get_run(run_id)
        return run if run is not None and run.agent_id == self.agent_id else None

    # Connections

    async def ensure_connection(self, **connection: Any) -> None:
        """Make sure that an entity takes part in a room of a world; keywords are the fields of `Connection`."""
        await connections.ensure_connection(self, coerce(Connection, connection, name="connection"))

    async def ensure_connections(
        self,
        entities: Sequence[Entity | Mapping[str, Any]],
        rooms: Sequence[Room | Mapping[str, Any]],
        source: str,
        world: World | Mapping[str, Any],
    ) -> None:
        """Make sure that all entities take part in all rooms of a world."""
        await connections.ensure_connections(self, entities, rooms, source, world)

    async def ensure_world_exists(self, world: World | Mapping[str, Any]) -> None:
        await connections.ensure_world_exists(self, world)

    async def ensure_room_exists(self, room: Room | Mapping[str, Any]) -> None:
        await connections.ensure_room_exists(self, room)

    async def ensure_participant_in_room(self, entity_id: UUID, room_id: UUID) -> None:
        await connections.ensure_participant_in_room(self, entity_id, room_id)

    async def get_participant_user_state(self, room_id: UUID, entity_id: UUID) -> ParticipantState | None:
        """Whether an entity follows or has muted a room; None is neither."""
        return await connections.participant_state(self, room_id, entity_id)

    async def set_participant_user_state(
        self, room_id: UUID, entity_id: UUID, state: ParticipantState | str | None
    ) -> None:
        await connections.set_participant_state(self, room_id, entity_id, state)

    # Cache

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
        raise InvalidInput("give room_id or room_ids, not both", path="room_id")
    rooms = (room_id,) if room_id is not None else tuple(room_ids)
    return MemoryFilter(table=table, room_ids=rooms, entity_id=entity_id, world_id=world_id, start=start, end=end)
