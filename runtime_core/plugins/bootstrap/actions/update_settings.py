"""UPDATE_SETTINGS: change settings of the world."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.plugin_api import Action, Context
from runtime_core.plugins.bootstrap.people import load_world
from runtime_core.plugins.bootstrap.world_settings import read_settings, with_setting
from runtime_core.rooms.audit import audit
from runtime_core.rooms.roles import MANAGERS

_NAME = "UPDATE_SETTINGS"


async def _handle(runtime: Context, message: Memory, _state: Any, options: ActionOptions) -> ActionResult:
    """Apply all changes, or none if one is malformed."""
    world = await load_world(runtime, message, action=_NAME)
    secret = {each.key for each in read_settings(world) if each.secret}
    changes = [(str(each["key"]), each["value"]) for each in options.parameters["updates"]]
    for key, value in changes:
        world = with_setting(world, key, value)
    await runtime.database.records.update(runtime.agent_id, [world])
    for key, value in changes:
        shown = {} if key in secret else {"value": value}
        await audit(runtime, "world_setting.changed", {"world_id": str(world.id), "name": key, **shown}, message)
    missing = [each.name for each in read_settings(world) if each.required and not each.is_set]
    still = f" Still needed: {', '.join(missing)}." if missing else ""
    return ActionResult(text=f"Set: {', '.join(key for key, _ in changes)}.{still}", data={"missing": missing})


async def _validate(runtime: Context) -> bool:
    """Offer the action only in a world with settings."""
    context = runtime.turn_context()
    return context is not None and bool(read_settings(context.world))


update_settings = Action(
    name=_NAME,
    description="Set one or more settings of this world to what an owner or admin tells you.",
    handler=_handle,
    validate=_validate,
    similes=("UPDATE_SETTING", "SAVE_SETTING", "SET_CONFIGURATION", "CONFIGURE"),
    parameters={
        "type": "object",
        "properties": {
            "updates": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "key": {"type": "string", "description": "The setting's key."},
                        "value": {"type": ["string", "number", "boolean"]},
                    },
                    "required": ["key", "value"],
                },
            }
        },
        "required": ["updates"],
    },
    roles=MANAGERS,
)
