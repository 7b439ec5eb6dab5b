"""FOLLOW_ROOM: answer every message of a room, mentioned or not."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import ParticipantState
from runtime_core.plugin_api import Action, Context
from runtime_core.rooms.participation import set_state, state_in_room
from runtime_core.turn.decide import ALWAYS_ANSWERED, channel_of


async def _handle(runtime: Context, message: Memory) -> ActionResult:
    await set_state(runtime, message.room_id, ParticipantState.FOLLOWED)
    return ActionResult(text="You follow this room now.", values={"room_state": ParticipantState.FOLLOWED.value})


async def _validate(runtime: Context, message: Memory) -> bool:
    """Where the agent is not always answering anyway."""
    if channel_of(message, runtime.turn_context()) in ALWAYS_ANSWERED:
        return False
    return await state_in_room(runtime, message.room_id) is None


follow_room = Action(
    name="FOLLOW_ROOM",
    description="Answer every message in this room from now on, also those that do not name you, when asked to.",
    handler=_handle,
    validate=_validate,
    similes=("FOLLOW_CHAT", "FOLLOW_CHANNEL", "FOLLOW_CONVERSATION", "FOLLOW_THREAD"),
)
