"""MUTE_ROOM: stay silent in a room until the agent is mentioned."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import ParticipantState
from runtime_core.plugin_api import Action, Context
from runtime_core.rooms.participation import set_state, state_in_room
from runtime_core.turn.decide import ALWAYS_ANSWERED, channel_of


async def _handle(runtime: Context, message: Memory) -> ActionResult:
    await set_state(runtime, message.room_id, ParticipantState.MUTED)
    return ActionResult(
        text="You are silent in this room now, until somebody mentions you.",
        values={"room_state": ParticipantState.MUTED.value},
    )


async def _validate(runtime: Context, message: Memory) -> bool:
    """Somebody who talks to the agent alone is always answered."""
    if channel_of(message, runtime.turn_context()) in ALWAYS_ANSWERED:
        return False
    return await state_in_room(runtime, message.room_id) is not ParticipantState.MUTED


mute_room = Action(
    name="MUTE_ROOM",
    description="Stay silent in this room from now on, until you are mentioned. When somebody asks you to be quiet.",
    handler=_handle,
    validate=_validate,
    similes=("MUTE_CHAT", "MUTE_CHANNEL", "MUTE_CONVERSATION", "MUTE_THREAD"),
)
