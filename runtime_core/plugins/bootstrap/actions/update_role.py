"""UPDATE_ROLE: change the role of an entity in the world."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.world import DIRECT_CHANNELS
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context
from runtime_core.plugins.bootstrap.people import find_person, load_world, shown_name
from runtime_core.rooms.audit import audit
from runtime_core.rooms.roles import MANAGERS, Role, find_role, may_change_role, with_role
from runtime_core.turn.decide import channel_of

_NAME = "UPDATE_ROLE"


async def _handle(runtime: Context, message: Memory, _state: Any, options: ActionOptions) -> ActionResult:
    person = await find_person(runtime, message, str(options.parameters["person"]), action=_NAME)
    role = Role(options.parameters["role"])
    world = await load_world(runtime, message, action=_NAME)
    actor, current = find_role(world, message.entity_id), find_role(world, person.id)
    if person.id == message.entity_id:
        raise ActionError("the sender may not change a role of their own", action=_NAME)
    if not may_change_role(actor, current, role):
        raise ActionError(f"the sender is {actor} and may not change a role from {current} to {role}", action=_NAME)
    await runtime.database.records.update(runtime.agent_id, [with_role(world, person.id, role)])
    change = {"world_id": str(world.id), "entity_id": str(person.id), "from": current, "to": role.value}
    await audit(runtime, "role.changed", change, message)
    return ActionResult(text=f"{shown_name(person)} is {role} now, and was {current}.", data=change)


async def _validate(runtime: Context, message: Memory) -> bool:
    """Offer the action only outside direct channels."""
    return channel_of(message, runtime.turn_context()) not in DIRECT_CHANNELS


update_role = Action(
    name=_NAME,
    description="Give somebody in this world another role, when an owner or admin asks you to.",
    handler=_handle,
    validate=_validate,
    similes=("CHANGE_ROLE", "SET_ROLE", "SET_PERMISSIONS", "ASSIGN_ROLE"),
    parameters={
        "type": "object",
        "properties": {
            "person": {"type": "string", "description": "Name or id of who gets the role."},
            "role": {"type": "string", "enum": [each.value for each in Role]},
        },
        "required": ["person", "role"],
    },
    roles=MANAGERS,
)
