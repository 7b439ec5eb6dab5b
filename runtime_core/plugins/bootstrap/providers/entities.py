"""ENTITIES: participants of the conversation."""

from __future__ import annotations

from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.domain.world import Entity, Participant
from runtime_core.plugin_api import Context, Provider


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    context = runtime.turn_context()
    entities = context.entities if context is not None else await _load_entities(runtime, message.room_id)
    shown = [_format_line(each, message.entity_id) for each in entities if each.id != runtime.agent_id and each.names]
    text = "# Who takes part beside you\n" + "\n".join(sorted(shown)) if shown else ""
    sender = next((each.names[0] for each in entities if each.id == message.entity_id and each.names), "")
    return ProviderResult(text=text, values={"sender_name": sender}, data={"entities": tuple(entities)})


async def _load_entities(runtime: Context, room_id: UUID) -> list[Entity]:
    records = runtime.database.records
    participants = await records.find(Participant, runtime.agent_id, room_id=room_id)
    found: list[Entity] = await records.get(Entity, runtime.agent_id, [each.entity_id for each in participants])
    return found


def _format_line(entity: Entity, sender_id: UUID) -> str:
    also = f" (also {', '.join(entity.names[1:])})" if len(entity.names) > 1 else ""
    return f"- {entity.names[0]}{also}{', who wrote the last message' if entity.id == sender_id else ''}"


entities = Provider(name="ENTITIES", description="Who takes part in the conversation", get=_get, position=20)
