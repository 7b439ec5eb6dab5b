"""Whom a name means: those who take part in the room, as the model writes them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runtime_core.domain.ids import parse_uuid
from runtime_core.domain.memory import Memory
from runtime_core.domain.world import Entity, Participant, World
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Context


async def people_of(runtime: Context, message: Memory) -> Sequence[Entity]:
    """Who takes part in the message's room: the turn's, or the store's outside of one."""
    context = runtime.turn_context()
    if context is not None and context.room is not None and context.room.id == message.room_id:
        known: Sequence[Entity] = context.entities
        return known
    records = runtime.database.records
    participants = await records.find(Participant, runtime.agent_id, room_id=message.room_id)
    stored: Sequence[Entity] = await records.get(Entity, runtime.agent_id, [each.entity_id for each in participants])
    return stored


async def person_named(runtime: Context, message: Memory, name: str, *, action: str) -> Entity:
    """The one person of the room that an id or a name means; an empty name is the sender.

    Raises:
        ActionError: Nobody is called so, or several are.
    """
    people = await people_of(runtime, message)
    wanted = name.strip().removeprefix("@").casefold()
    entity_id = message.entity_id if not wanted else parse_uuid(wanted)
    found = [
        each
        for each in people
        if each.id == entity_id or (entity_id is None and wanted in {known.casefold() for known in each.names})
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(sorted(each.names[0] for each in people if each.names)) or "nobody with a name"
        raise ActionError(f"nobody here is called {name!r}; there is {known}", action=action)
    ids = ", ".join(str(each.id) for each in found)
    raise ActionError(f"{len(found)} people here are called {name!r}: say which by id ({ids})", action=action)


def shown_name(entity: Entity) -> str:
    """How an entity is called in texts for the model."""
    return entity.names[0] if entity.names else str(entity.id)


async def stored_world(runtime: Context, message: Memory, *, action: str) -> World:
    """The world of the message's room, as it is in the store now: the turn's may have been changed since.

    Raises:
        ActionError: The room belongs to none.
    """
    context = runtime.turn_context()
    world = context.world if context is not None else None
    world_id: UUID | None = world.id if world is not None else message.world_id
    found = await runtime.database.records.get(World, runtime.agent_id, [world_id]) if world_id else []
    if not found:
        raise ActionError("this room belongs to no world, so there is nothing to change", action=action)
    kept: World = found[0]
    return kept
