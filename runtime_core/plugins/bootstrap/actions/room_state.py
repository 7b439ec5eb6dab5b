"""Room actions: follow, unfollow, mute and unmute the current room."""

from __future__ import annotations

from collections.abc import Collection

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import DIRECT_CHANNELS, ParticipantState
from runtime_core.plugin_api import Action, Context
from runtime_core.rooms.participation import find_state, set_state
from runtime_core.turn.decide import channel_of


def _room_action(
    name: str,
    *,
    description: str,
    offered_in: Collection[ParticipantState | None],
    state: ParticipantState | None,
    text: str,
) -> Action:
    """Make an action that sets the agent's state in the current room.

    Args:
        offered_in: States of the room in which the model may choose the action. Direct channels never offer it: the
            agent answers every message there.
        state: The state to set; None neither follows nor mutes the room.
        text: The result that the model reads.
    """

    async def handle(runtime: Context, message: Memory) -> ActionResult:
        await set_state(runtime, message.room_id, state)
        return ActionResult(text=text, values={"room_state": state.value if state is not None else None})

    async def validate(runtime: Context, message: Memory) -> bool:
        if channel_of(message, runtime.turn_context()) in DIRECT_CHANNELS:
            return False
        return await find_state(runtime, message.room_id) in offered_in

    verb = name.removesuffix("_ROOM")
    return Action(
        name=name,
        description=description,
        handler=handle,
        validate=validate,
        similes=tuple(f"{verb}_{place}" for place in ("CHAT", "CHANNEL", "CONVERSATION", "THREAD")),
    )


follow_room = _room_action(
    "FOLLOW_ROOM",
    description="Answer every message in this room from now on, also those that do not name you, when asked to.",
    offered_in=(None,),
    state=ParticipantState.FOLLOWED,
    text="You follow this room now.",
)
unfollow_room = _room_action(
    "UNFOLLOW_ROOM",
    description="Stop following this room, when asked to: answer only what is meant for you.",
    offered_in=(ParticipantState.FOLLOWED,),
    state=None,
    text="You do not follow this room any more.",
)
mute_room = _room_action(
    "MUTE_ROOM",
    description="Stay silent in this room from now on, until you are mentioned. When somebody asks you to be quiet.",
    offered_in=(None, ParticipantState.FOLLOWED),
    state=ParticipantState.MUTED,
    text="You are silent in this room now, until somebody mentions you.",
)
unmute_room = _room_action(
    "UNMUTE_ROOM",
    description="Take part in this room again after having been muted. When somebody asks you back.",
    offered_in=(ParticipantState.MUTED,),
    state=None,
    text="You take part in this room again.",
)
