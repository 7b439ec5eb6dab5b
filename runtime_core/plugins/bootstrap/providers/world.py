"""WORLD: the room and world of the conversation."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.domain.world import Room, World
from runtime_core.plugin_api import Context, Provider


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    context = runtime.turn_context()
    if context is not None and context.room is not None:
        return _make_result(context.room, context.world)
    rooms = await runtime.database.records.get(Room, runtime.agent_id, [message.room_id])
    if not rooms:
        return ProviderResult()
    world_id = rooms[0].world_id
    worlds = await runtime.database.records.get(World, runtime.agent_id, [world_id]) if world_id else []
    return _make_result(rooms[0], worlds[0] if worlds else None)


def _make_result(room: Room, world: World | None) -> ProviderResult:
    lines = [f"Kind of conversation: {room.type.value}"]
    if room.name:
        lines.append(f"Room: {room.name}")
    if room.source:
        lines.append(f"Through: {room.source}")
    if world is not None and world.name and world.name != room.source:
        lines.append(f"World: {world.name}")
    return ProviderResult(
        text="# Where you are\n" + "\n".join(lines),
        values={"room_name": room.name or "", "world_name": (world.name if world else None) or ""},
        data={"room": room, "world": world},
    )


world = Provider(name="WORLD", description="Where the conversation takes place", get=_get, position=10)
