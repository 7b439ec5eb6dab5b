"""Delete one message or a room's messages, and emit the event."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from runtime_core.domain.events import EventType
from runtime_core.domain.memory import MemoryType
from runtime_core.ports import MemoryFilter
from runtime_core.rooms.audit import audit

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context


async def delete_message(runtime: Context, message_id: UUID) -> bool:
    """Delete one message of the agent.

    The id of the message stays used: sending it again is not answered.

    Returns:
        False if the agent has no such message.
    """
    found = [
        each
        for each in await runtime.database.memories.get(runtime.agent_id, [message_id])
        if each.table == MemoryType.MESSAGE.value
    ]
    if not found or await runtime.database.memories.delete(runtime.agent_id, [message_id]) == 0:
        return False
    message = found[0]
    await audit(runtime, "message.deleted", {"message_id": str(message_id)}, message)
    event = {"runtime": runtime, "message_id": message_id, "room_id": message.room_id, "message": message}
    await runtime.emit(EventType.MESSAGE_DELETED, event)
    return True


async def clear_channel(runtime: Context, room_id: UUID) -> int:
    """Delete the agent's messages of a room; its facts stay.

    Returns:
        The number of deleted messages.
    """
    which = MemoryFilter(table=MemoryType.MESSAGE.value, room_ids=(room_id,))
    count = await runtime.database.memories.delete(runtime.agent_id, which)
    await audit(runtime, "channel.cleared", {"room_id": str(room_id), "messages": count})
    await runtime.emit(EventType.CHANNEL_CLEARED, {"runtime": runtime, "room_id": room_id, "messages": count})
    return count
