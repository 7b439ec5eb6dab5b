"""The agent's state in a room: followed, muted, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.run import TurnContext
from runtime_core.domain.world import Participant, ParticipantState

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context


def read_state(context: TurnContext | None, agent_id: UUID) -> ParticipantState | None:
    """Read the agent's state in the turn's room, as of the claim."""
    participants = context.participants if context is not None else ()
    return next((each.state for each in participants if each.entity_id == agent_id), None)


async def find_state(runtime: Context, room_id: UUID) -> ParticipantState | None:
    """Find the agent's state in a room.

    Within a turn of that room it is the state as of the claim.
    """
    context = runtime.turn_context()
    if context is not None and context.room is not None and context.room.id == room_id:
        return read_state(context, runtime.agent_id)
    found = await runtime.database.records.find(
        Participant, runtime.agent_id, room_id=room_id, entity_id=runtime.agent_id
    )
    return found[0].state if found else None


async def set_state(runtime: Context, room_id: UUID, state: ParticipantState | None) -> None:
    """Set the agent's state in a room.

    Raises:
        RecordNotFound: The agent is no participant of the room.
    """
    participant = Participant(room_id=room_id, entity_id=runtime.agent_id, state=state)
    await runtime.database.records.update(runtime.agent_id, [participant])
