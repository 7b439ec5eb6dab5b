"""Creation of worlds, rooms and participants before the first message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, ClassVar, Protocol
from uuid import UUID

from runtime_core.domain.character import Character
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.records import Record
from runtime_core.domain.values import coerce
from runtime_core.domain.world import ChannelType, Entity, Participant, ParticipantState, Room, World
from runtime_core.errors import InvalidInput
from runtime_core.ports import AgentData
from runtime_core.rooms.roles import Role

ROLES = "roles"  # key in a world's metadata: roles by entity id


class ConnectedRuntime(AgentData, Protocol):
    """The part of a runtime that connections need."""

    character: Character


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One entity in one room of one world.

    Attributes:
        name: The displayed name of the entity.
        user_name: The platform's name of the entity.
        user_id: The platform's id of the entity.
        metadata: Merged into the world's; `roles` are the entity's roles there, of which the highest counts.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    entity_id: UUID
    room_id: UUID
    world_id: UUID
    user_name: str | None = None
    name: str | None = None
    world_name: str | None = None
    source: str | None = None
    channel_id: str | None = None
    message_server_id: UUID | None = None
    type: ChannelType = ChannelType.DM
    user_id: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The entity's names, the displayed one first."""
        return tuple(dict.fromkeys(each for each in (self.name, self.user_name) if each))

    @property
    def identity(self) -> Mapping[str, Any]:
        """The platform's id and names of the entity, under the key `source`."""
        known = {"id": str(self.user_id or self.entity_id), "name": self.name, "user_name": self.user_name}
        return {self.source: {key: value for key, value in known.items() if value}} if self.source else {}

    def merge_metadata(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a world's metadata, updated with this connection's."""
        own = {key: value for key, value in self.metadata.items() if key != ROLES}
        roles = self.metadata.get(ROLES)
        if roles is None:
            return {**metadata, **own}
        held = metadata.get(ROLES)
        others = held if isinstance(held, Mapping) else {}
        return {**metadata, **own, ROLES: {**others, str(self.entity_id): _select_highest(roles)}}


def _select_highest(roles: str | Sequence[str]) -> str:
    """Select the highest of an entity's roles, as a world stores one."""
    named = [str(each).upper() for each in ((roles,) if isinstance(roles, str) else roles)]
    return next((each for each in (Role.OWNER, Role.ADMIN) if each in named), named[0] if named else Role.USER)


async def ensure_connection(runtime: ConnectedRuntime, connection: Connection) -> None:
    """Create the missing parts of a connection: world, room, entity and participants.

    Existing records keep their values; the connection's names, identity and metadata are added to them.
    """
    records, agent_id = runtime.database.records, runtime.agent_id
    world = World(
        id=connection.world_id,
        name=connection.world_name or connection.source,
        message_server_id=connection.message_server_id,
        metadata=connection.merge_metadata({}),
    )
    room = Room(
        id=connection.room_id,
        world_id=connection.world_id,
        name=connection.name if connection.type is ChannelType.DM else None,
        source=connection.source,
        type=connection.type,
        channel_id=connection.channel_id,
        message_server_id=connection.message_server_id,
    )
    entity = Entity(id=connection.entity_id, names=connection.names, metadata=connection.identity)
    wanted = [world, room, *_build_participants(runtime, [entity], [room])]
    if await records.insert(agent_id, wanted, ignore_existing=True) < len(wanted):
        await _update_existing(runtime, connection)


async def _update_existing(runtime: ConnectedRuntime, connection: Connection) -> None:
    """Add the connection's values to an existing world and entity."""
    records, agent_id = runtime.database.records, runtime.agent_id
    changed: list[Record] = []
    for world in await records.get(World, agent_id, [connection.world_id]):
        updated = replace(
            world, name=connection.world_name or world.name, metadata=connection.merge_metadata(world.metadata)
        )
        changed += [updated] if updated != world else []
    for entity in await records.get(Entity, agent_id, [connection.entity_id]):
        names = tuple(dict.fromkeys((*entity.names, *connection.names)))
        known = replace(entity, names=names, metadata={**entity.metadata, **connection.identity})
        changed += [known] if known != entity else []
    if changed:
        await records.update(agent_id, changed)


async def ensure_connections(
    runtime: ConnectedRuntime,
    entities: Sequence[Entity | Mapping[str, Any]],
    rooms: Sequence[Room | Mapping[str, Any]],
    source: str,
    world: World | Mapping[str, Any],
) -> None:
    """Create a world, rooms and entities, and their participants.

    All entities and the agent join all rooms. Existing records are not changed. One statement.

    Raises:
        InvalidInput: A room belongs to another world, or a value is malformed.
    """
    within = coerce(World, world, name="world")
    members = [coerce(Entity, each, name=f"entities[{index}]") for index, each in enumerate(entities)]
    places = [
        replace(room, world_id=room.world_id or within.id, source=room.source or source)
        for room in (coerce(Room, each, name=f"rooms[{index}]") for index, each in enumerate(rooms))
    ]
    if astray := next((each for each in places if each.world_id != within.id), None):
        raise InvalidInput(f"room {astray.id} belongs to world {astray.world_id}, not to {within.id}", path="rooms")
    wanted: list[Record] = [within, *places, *_build_participants(runtime, members, places)]
    await runtime.database.records.insert(runtime.agent_id, wanted, ignore_existing=True)


def _build_participants(runtime: ConnectedRuntime, entities: Sequence[Entity], rooms: Sequence[Room]) -> list[Record]:
    """Build entities, including the agent, and participants of all rooms."""
    agent = Entity(id=runtime.agent_id, names=(runtime.character.name,))
    everyone = {each.id: each for each in (agent, *entities)}
    places = [Participant(room_id=room.id, entity_id=entity_id) for room in rooms for entity_id in everyone]
    return [*everyone.values(), *places]


async def ensure_world_exists(runtime: ConnectedRuntime, world: World | Mapping[str, Any]) -> None:
    """Create a world if it is missing."""
    wanted = coerce(World, world, name="world")
    await runtime.database.records.insert(runtime.agent_id, [wanted], ignore_existing=True)


async def ensure_room_exists(runtime: ConnectedRuntime, room: Room | Mapping[str, Any]) -> None:
    """Create a room and its world if they are missing."""
    wanted = coerce(Room, room, name="room")
    worlds: list[Record] = [World(id=wanted.world_id, name=wanted.source)] if wanted.world_id else []
    await runtime.database.records.insert(runtime.agent_id, [*worlds, wanted], ignore_existing=True)


async def ensure_participant_in_room(runtime: ConnectedRuntime, entity_id: UUID, room_id: UUID) -> None:
    """Add an entity to a room; create the entity if missing.

    Raises:
        InvalidRecord: The room does not exist.
    """
    name = (runtime.character.name,) if entity_id == runtime.agent_id else ()
    wanted: list[Record] = [Entity(id=entity_id, names=name), Participant(room_id=room_id, entity_id=entity_id)]
    await runtime.database.records.insert(runtime.agent_id, wanted, ignore_existing=True)


async def participant_state(runtime: ConnectedRuntime, room_id: UUID, entity_id: UUID) -> ParticipantState | None:
    """Find the state of an entity in a room.

    Returns:
        None if the entity neither follows nor mutes the room, or is no participant.
    """
    found = await runtime.database.records.find(Participant, runtime.agent_id, room_id=room_id, entity_id=entity_id)
    return found[0].state if found else None


async def set_participant_state(
    runtime: ConnectedRuntime, room_id: UUID, entity_id: UUID, state: ParticipantState | str | None
) -> None:
    """Set the state of an entity in a room; None clears it.

    Raises:
        RecordNotFound: The entity is no participant of the room.
    """
    place = {"room_id": room_id, "entity_id": entity_id, "state": state}
    await runtime.database.records.update(runtime.agent_id, [coerce(Participant, place, name="participant")])
