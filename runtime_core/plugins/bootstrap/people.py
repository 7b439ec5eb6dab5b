"""Lookup of participants and worlds for actions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runtime_core.domain.ids import parse_uuid
from runtime_core.domain.memory import Memory
from runtime_core.domain.world import Entity, Participant, World
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Context


async def find_people(runtime: Context, message: Memory) -> Sequence[Entity]:
    """Find the participants of the message's room; no query within its turn."""
    context = runtime.turn_context()
    if context is not None and context.room is not None and context.room.id == message.room_id:
        known: Sequence[Entity] = context.entities
        return known
    records = runtime.database.records
    participants = await records.find(Participant, runtime.agent_id, room_id=message.room_id)
    stored: Sequence[Entity] = await records.get(Entity, runtime.agent_id, [each.entity_id for each in participants])
    return stored


async def find_person(runtime: Context, message: Memory, name: str, *, action: str) -> Entity:
    """Find a participant by id or name; empty means the sender.

    Raises:
        ActionError: No participant, or more than one, has the name.
    """
    people = await find_people(runtime, message)
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
        known = ", ".join(sorted(each.names[0] for each in people if each.names)) or "unnamed"
        raise ActionError(f"no participant is named {name!r}: the participants are {known}", action=action)
    ids = ", ".join(str(each.id) for each in found)
    raise ActionError(f"{len(found)} participants are named {name!r}: give an id ({ids})", action=action)


def shown_name(entity: Entity) -> str:
    """Return the name of an entity in texts for the model."""
    return entity.names[0] if entity.names else str(entity.id)


async def load_world(runtime: Context, message: Memory, *, action: str) -> World:
    """Load the world of the message's room from the store.

    The turn's copy may be outdated.

    Raises:
        ActionError: The room belongs to no world.
    """
    context = runtime.turn_context()
    world = context.world if context is not None else None
    world_id: UUID | None = world.id if world is not None else message.world_id
    found = await runtime.database.records.get(World, runtime.agent_id, [world_id]) if world_id else []
    if not found:
        raise ActionError("this room belongs to no world", action=action)
    stored: World = found[0]
    return stored
