"""Verbs on worlds, rooms, participants and connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from runtime_core.domain.values import coerce
from runtime_core.domain.world import Entity, Participant, ParticipantState, Room, World
from runtime_core.rooms import connections
from runtime_core.rooms.connections import ConnectedRuntime, Connection
from runtime_core.verbs.stored import get_one, insert_many, insert_one, update_one


class RoomVerbs(ConnectedRuntime, Protocol):
    """Verbs on worlds, rooms and participants; values may be given as dicts."""

    async def create_room(self, room: Room | Mapping[str, Any]) -> UUID:
        return (await insert_one(self, Room, room)).id

    async def create_rooms(self, rooms: Sequence[Room | Mapping[str, Any]]) -> list[UUID]:
        """Store rooms, all or none, and return their ids in order."""
        return [each.id for each in await insert_many(self, Room, rooms)]

    async def get_rooms_by_ids(self, ids: Sequence[UUID]) -> list[Room]:
        return await self.database.records.get(Room, self.agent_id, ids)

    async def update_room(self, room: Room | Mapping[str, Any]) -> None:
        await update_one(self, Room, room)

    async def get_room(self, room_id: UUID) -> Room | None:
        return await get_one(self, Room, room_id)

    async def get_rooms(self, world_id: UUID) -> list[Room]:
        return await self.database.records.find(Room, self.agent_id, world_id=world_id)

    async def delete_room(self, room_id: UUID) -> bool:
        return await self.database.records.delete(Room, self.agent_id, id=room_id) > 0

    async def create_world(self, world: World | Mapping[str, Any]) -> UUID:
        return (await insert_one(self, World, world)).id

    async def update_world(self, world: World | Mapping[str, Any]) -> None:
        await update_one(self, World, world)

    async def get_world(self, world_id: UUID) -> World | None:
        return await get_one(self, World, world_id)

    async def get_all_worlds(self) -> list[World]:
        return await self.database.records.find(World, self.agent_id)

    async def add_participant(self, entity_id: UUID, room_id: UUID) -> bool:
        """Add an entity to a room.

        Returns:
            Whether it is new in the room.
        """
        participant = Participant(room_id=room_id, entity_id=entity_id)
        return await self.database.records.insert(self.agent_id, [participant], ignore_existing=True) > 0

    async def add_participants(self, entity_ids: Sequence[UUID], room_id: UUID) -> int:
        """Add entities to a room.

        Returns:
            The number of entities that are new in the room.
        """
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

    async def get_entities_for_room(self, room_id: UUID) -> list[Entity]:
        """Return the entities of a room, in joining order."""
        ids = await self.get_participants_for_room(room_id)
        return await self.database.records.get(Entity, self.agent_id, ids)

    async def ensure_connection(self, **connection: Any) -> None:
        """Ensure that an entity takes part in a room of a world.

        Args:
            connection: The fields of `Connection`.
        """
        await connections.ensure_connection(self, coerce(Connection, connection, name="connection"))

    async def ensure_connections(
        self,
        entities: Sequence[Entity | Mapping[str, Any]],
        rooms: Sequence[Room | Mapping[str, Any]],
        source: str,
        world: World | Mapping[str, Any],
    ) -> None:
        """Ensure that all entities take part in all rooms of a world."""
        await connections.ensure_connections(self, entities, rooms, source, world)

    async def ensure_world_exists(self, world: World | Mapping[str, Any]) -> None:
        await connections.ensure_world_exists(self, world)

    async def ensure_room_exists(self, room: Room | Mapping[str, Any]) -> None:
        await connections.ensure_room_exists(self, room)

    async def ensure_participant_in_room(self, entity_id: UUID, room_id: UUID) -> None:
        await connections.ensure_participant_in_room(self, entity_id, room_id)

    async def get_participant_user_state(self, room_id: UUID, entity_id: UUID) -> ParticipantState | None:
        """Return whether an entity follows or has muted a room.

        Returns:
            None if neither.
        """
        return await connections.participant_state(self, room_id, entity_id)

    async def set_participant_user_state(
        self, room_id: UUID, entity_id: UUID, state: ParticipantState | str | None
    ) -> None:
        await connections.set_participant_state(self, room_id, entity_id, state)
