"""UPDATE_ENTITY: store details about a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.world import DIRECT_CHANNELS, Component, Entity
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context
from runtime_core.plugins.bootstrap.people import find_person, shown_name
from runtime_core.rooms.roles import MANAGERS, find_role
from runtime_core.turn.decide import channel_of

_NAME = "UPDATE_ENTITY"
_OWN_TYPE = "profile"


async def _handle(runtime: Context, message: Memory, _state: Any, options: ActionOptions) -> ActionResult:
    given = options.parameters
    person = await find_person(runtime, message, str(given.get("person", "")), action=_NAME)
    _check_allowed(runtime, message, person)
    kept = await _store(runtime, message, person, str(given.get("source", _OWN_TYPE)), dict(given["details"]))
    return ActionResult(
        text=f"Kept about {shown_name(person)}: {', '.join(sorted(given['details']))}.",
        data={"entity_id": str(person.id), "type": kept.type, "details": dict(kept.data)},
    )


def _check_allowed(runtime: Context, message: Memory, person: Entity) -> None:
    context = runtime.turn_context()
    role = find_role(context.world if context is not None else None, message.entity_id)
    if person.id != message.entity_id and role not in MANAGERS:
        raise ActionError("only an OWNER or ADMIN may change details about others", action=_NAME)


async def _store(runtime: Context, message: Memory, person: Entity, kind: str, details: dict[str, Any]) -> Component:
    records = runtime.database.records
    found = await records.find(
        Component, runtime.agent_id, entity_id=person.id, type=kind, source_entity_id=runtime.agent_id
    )
    if found:
        changed: Component = replace(found[0], data={**found[0].data, **details})
        await records.update(runtime.agent_id, [changed])
        return changed
    made = Component(
        entity_id=person.id,
        type=kind,
        room_id=message.room_id,
        world_id=message.world_id,
        source_entity_id=runtime.agent_id,
        data=details,
    )
    await records.insert(runtime.agent_id, [made])
    return made


async def _validate(runtime: Context, message: Memory) -> bool:
    """Offer the action only outside direct channels, where reflection stores facts."""
    return channel_of(message, runtime.turn_context()) not in DIRECT_CHANNELS


update_entity = Action(
    name=_NAME,
    description="Keep details about a person (contact, handle, preference) when somebody asks you to.",
    handler=_handle,
    validate=_validate,
    similes=("UPDATE_PROFILE", "EDIT_ENTITY", "SET_ENTITY"),
    parameters={
        "type": "object",
        "properties": {
            "person": {"type": "string", "description": "Name or id; without it, who wrote the message."},
            "source": {"type": "string", "description": "What the details belong to (profile, telegram, github)."},
            "details": {"type": "object", "description": "The details by name."},
        },
        "required": ["details"],
    },
)
