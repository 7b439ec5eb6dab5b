"""UNMUTE_ROOM: take part in a muted room again."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import ParticipantState
from runtime_core.plugin_api import Action, Context
from runtime_core.rooms.participation import set_state, state_in_room
from runtime_core.turn.decide import ALWAYS_ANSWERED, channel_of


async def _handle(runtime: Context, message: Memory) -> ActionResult:
    await set_state(runtime, message.room_id, None)
    return ActionResult(text="You take part in this room again.", values={"room_state": None})


async def _validate(runtime: Context, message: Memory) -> bool:
    """Only a muted room."""
    if channel_of(message, runtime.turn_context()) in ALWAYS_ANSWERED:
        return False
    return await state_in_room(runtime, message.room_id) is ParticipantState.MUTED


unmute_room = Action(
    name="UNMUTE_ROOM",
    description="Take part in this room again after having been muted. When somebody asks you back.",
    handler=_handle,
    validate=_validate,
    similes=("UNMUTE_CHAT", "UNMUTE_CHANNEL", "UNMUTE_CONVERSATION", "UNMUTE_THREAD"),
)
