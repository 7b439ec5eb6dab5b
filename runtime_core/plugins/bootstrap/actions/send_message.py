"""SEND_MESSAGE: send a message to another person or room."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.ids import parse_uuid
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.routing import TargetInfo
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.world import Room
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context
from runtime_core.plugins.bootstrap.people import find_person, shown_name
from runtime_core.rooms.audit import audit

_NAME = "SEND_MESSAGE"


async def _handle(runtime: Context, message: Memory, _state: Any, options: ActionOptions) -> ActionResult:
    given = options.parameters
    name, to_room = str(given["to"]), given["to_kind"] == "room"
    target, shown = await (_find_room if to_room else _find_person)(runtime, message, name, given.get("source"))
    await runtime.send_message_to_target(target, Content(text=str(given["text"]), source=target.source))
    await audit(runtime, "message.sent", {"to": shown, "source": target.source}, message)
    return ActionResult(text=f"Sent to {shown}.", data={"source": target.source, "to": shown})


async def _find_room(runtime: Context, message: Memory, name: str, source: str | None) -> tuple[TargetInfo, str]:
    """Find a room of the same world by name or id.

    Rooms of other worlds are excluded: a user of one world must not reach another.
    """
    context = runtime.turn_context()
    world_id = context.world.id if context is not None and context.world is not None else message.world_id
    rooms: list[Room] = await runtime.get_rooms(world_id) if world_id else []
    wanted, room_id = name.strip().removeprefix("#").casefold(), parse_uuid(name.strip())
    found = [each for each in rooms if each.id == room_id or (each.name or "").casefold() == wanted]
    if len(found) != 1:
        known = ", ".join(sorted(each.name for each in rooms if each.name)) or "unnamed"
        raise ActionError(f"{len(found) or 'no'} rooms are named {name!r}: the rooms are {known}", action=_NAME)
    room = found[0]
    target = TargetInfo(
        source=_choose_source(runtime, source or room.source),
        room_id=room.id,
        channel_id=room.channel_id,
        server_id=str(room.message_server_id) if room.message_server_id else None,
    )
    return target, room.name or str(room.id)


async def _find_person(runtime: Context, message: Memory, name: str, source: str | None) -> tuple[TargetInfo, str]:
    person = await find_person(runtime, message, name, action=_NAME)
    if person.id == runtime.agent_id:
        raise ActionError("the agent does not write to itself", action=_NAME)
    chosen = _choose_source(runtime, source or message.content.source)
    return TargetInfo(source=chosen, entity_id=person.id), shown_name(person)


def _choose_source(runtime: Context, wanted: str | None) -> str:
    """Choose the platform: the named one, or the only one."""
    known = runtime.send_sources()
    if wanted in known:
        return str(wanted)
    if len(known) == 1 and wanted is None:
        return str(known[0])
    raise ActionError(f"source {wanted!r} has no send handler: name one of {', '.join(known)}", action=_NAME)


async def _validate(runtime: Context) -> bool:
    """Offer the action only if a send handler is registered."""
    return bool(runtime.send_sources())


send_message = Action(
    name=_NAME,
    description="Send a message to another person or room. Not for answering the user: just answer.",
    handler=_handle,
    validate=_validate,
    similes=("SEND_DM", "MESSAGE_USER", "POST_IN_ROOM", "TELL"),
    parameters={
        "type": "object",
        "properties": {
            "to": {"type": "string", "description": "Name or id of the person or room."},
            "to_kind": {"type": "string", "enum": ["person", "room"], "default": "person"},
            "text": {"type": "string", "minLength": 1},
            "source": {"type": "string", "description": "The platform to send through, where there are several."},
        },
        "required": ["to", "text"],
    },
)
