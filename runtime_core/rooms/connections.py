"""Connections: making sure that a world, a room and those who take part in it are there before anyone talks."""

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

ROLES = "roles"  # in a world's metadata: the roles of each entity, by its id


class ConnectedRuntime(AgentData, Protocol):
    """The agent that connects, and its database."""

    character: Character


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One entity in one room of one world.

    Attributes:
        user_name: What the platform calls the entity, beside its shown `name`.
        user_id: The platform's own id of the entity.
        metadata: Kept with the world; `roles` are the entity's roles in it, of which the highest counts.
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
        """The entity's names, the one to show first."""
        return tuple(dict.fromkeys(each for each in (self.name, self.user_name) if each))

    @property
    def identity(self) -> Mapping[str, Any]:
        """How the platform knows the entity, under the platform's name."""
        known = {"id": str(self.user_id or self.entity_id), "name": self.name, "user_name": self.user_name}
        return {self.source: {key: value for key, value in known.items() if value}} if self.source else {}

    def in_world(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """A world's metadata with what this connection says of it."""
        told = {key: value for key, value in self.metadata.items() if key != ROLES}
        roles = self.metadata.get(ROLES)
        if roles is None:
            return {**metadata, **told}
        held = metadata.get(ROLES)
        others = held if isinstance(held, Mapping) else {}
        return {**metadata, **told, ROLES: {**others, str(self.entity_id): _highest(roles)}}


def _highest(roles: str | Sequence[str]) -> str:
    """The role that counts, of those a platform gives someone: a world keeps one for each entity."""
    named = [str(each).upper() for each in ((roles,) if isinstance(roles, str) else roles)]
    return next((each for each in (Role.OWNER, Role.ADMIN) if each in named), named[0] if named else Role.USER)


async def ensure_connection(runtime: ConnectedRuntime, connection: Connection) -> None:
    """Make sure that world, room and entity are there, that entity and agent take part, and what is known of both.

    What is there keeps what it has; names, identities and metadata are added to it.
    """
    records, agent_id = runtime.database.records, runtime.agent_id
    world = World(
        id=connection.world_id,
        name=connection.world_name or connection.source,
        message_server_id=connection.message_server_id,
        metadata=connection.in_world({}),
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
    wanted = [world, room, *_taking_part(runtime, [entity], [room])]
    if await records.insert(agent_id, wanted, ignore_existing=True) < len(wanted):
        await _complete(runtime, connection)


async def _complete(runtime: ConnectedRuntime, connection: Connection) -> None:
    """Add what the connection tells to a world and an entity that were there before."""
    records, agent_id = runtime.database.records, runtime.agent_id
    changed: list[Record] = []
    for world in await records.get(World, agent_id, [connection.world_id]):
        told = replace(world, name=connection.world_name or world.name, metadata=connection.in_world(world.metadata))
        changed += [told] if told != world else []
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
    """Make sure that all entities and the agent take part in all rooms of a world, in one statement."""
    within = coerce(World, world, name="world")
    members = [coerce(Entity, each, name=f"entities[{index}]") for index, each in enumerate(entities)]
    places = [
        replace(room, world_id=room.world_id or within.id, source=room.source or source)
        for room in (coerce(Room, each, name=f"rooms[{index}]") for index, each in enumerate(rooms))
    ]
    if astray := next((each for each in places if each.world_id != within.id), None):
        raise InvalidInput(f"room {astray.id} is of world {astray.world_id}, not of {within.id}", path="rooms")
    wanted: list[Record] = [within, *places, *_taking_part(runtime, members, places)]
    await runtime.database.records.insert(runtime.agent_id, wanted, ignore_existing=True)


def _taking_part(runtime: ConnectedRuntime, entities: Sequence[Entity], rooms: Sequence[Room]) -> list[Record]:
    """The entities, the agent's own among them, and their places in the rooms."""
    agent = Entity(id=runtime.agent_id, names=(runtime.character.name,))
    everyone = {each.id: each for each in (agent, *entities)}
    places = [Participant(room_id=room.id, entity_id=entity_id) for room in rooms for entity_id in everyone]
    return [*everyone.values(), *places]


async def ensure_world_exists(runtime: ConnectedRuntime, world: World | Mapping[str, Any]) -> None:
    """Store a world unless it is there."""
    wanted = coerce(World, world, name="world")
    await runtime.database.records.insert(runtime.agent_id, [wanted], ignore_existing=True)


async def ensure_room_exists(runtime: ConnectedRuntime, room: Room | Mapping[str, Any]) -> None:
    """Store a room unless it is there; its world is made too when it is not there."""
    wanted = coerce(Room, room, name="room")
    worlds: list[Record] = [World(id=wanted.world_id, name=wanted.source)] if wanted.world_id else []
    await runtime.database.records.insert(runtime.agent_id, [*worlds, wanted], ignore_existing=True)


async def ensure_participant_in_room(runtime: ConnectedRuntime, entity_id: UUID, room_id: UUID) -> None:
    """Let an entity take part in a room, which is there already; the entity is made when it is not.

    Raises:
        InvalidRecord: There is no such room.
    """
    name = (runtime.character.name,) if entity_id == runtime.agent_id else ()
    wanted: list[Record] = [Entity(id=entity_id, names=name), Participant(room_id=room_id, entity_id=entity_id)]
    await runtime.database.records.insert(runtime.agent_id, wanted, ignore_existing=True)


async def participant_state(runtime: ConnectedRuntime, room_id: UUID, entity_id: UUID) -> ParticipantState | None:
    """Whether an entity follows or has muted a room; None is neither, or not there."""
    found = await runtime.database.records.find(Participant, runtime.agent_id, room_id=room_id, entity_id=entity_id)
    return found[0].state if found else None


async def set_participant_state(
    runtime: ConnectedRuntime, room_id: UUID, entity_id: UUID, state: ParticipantState | str | None
) -> None:
    """Let an entity follow or mute a room, or neither.

    Raises:
        RecordNotFound: It does not take part in the room.
    """
    place = {"room_id": room_id, "entity_id": entity_id, "state": state}
    await runtime.database.records.update(runtime.agent_id, [coerce(Participant, place, name="participant")])
