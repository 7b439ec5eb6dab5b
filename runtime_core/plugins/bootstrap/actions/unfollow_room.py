"""UNFOLLOW_ROOM: answer in a room only what is meant for the agent."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import ParticipantState
from runtime_core.plugin_api import Action, Context
from runtime_core.rooms.participation import set_state, state_in_room
from runtime_core.turn.decide import ALWAYS_ANSWERED, channel_of


async def _handle(runtime: Context, message: Memory) -> ActionResult:
    await set_state(runtime, message.room_id, None)
    return ActionResult(text="You do not follow this room any more.", values={"room_state": None})


async def _validate(runtime: Context, message: Memory) -> bool:
    """Only a followed room."""
    if channel_of(message, runtime.turn_context()) in ALWAYS_ANSWERED:
        return False
    return await state_in_room(runtime, message.room_id) is ParticipantState.FOLLOWED


unfollow_room = Action(
    name="UNFOLLOW_ROOM",
    description="Stop following this room, when asked to: answer only what is meant for you.",
    handler=_handle,
    validate=_validate,
    similes=("UNFOLLOW_CHAT", "UNFOLLOW_CHANNEL", "UNFOLLOW_CONVERSATION", "UNFOLLOW_THREAD"),
)
