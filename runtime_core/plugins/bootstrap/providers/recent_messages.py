"""RECENT_MESSAGES: the conversation so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime_core.components import PromptPlace, Provider, ProviderResult
from runtime_core.memory import Memory
from runtime_core.ports import MemoryFilter
from runtime_core.world import Entity


async def _get(runtime: Any, message: Memory) -> ProviderResult:
    """The turn's own messages, those the claim brought along; outside a turn, the store's."""
    context = runtime.turn_context()
    if context is not None and context.room is not None and context.room.id == message.room_id:
        return _result(context.messages, context.entities, runtime.character.name, runtime.agent_id)
    newest = await runtime.database.memories.find(
        runtime.agent_id, MemoryFilter(room_ids=(message.room_id,)), limit=runtime.get_conversation_length()
    )
    earlier = [each for each in reversed(newest) if each.id != message.id]
    return _result(earlier, (), runtime.character.name, runtime.agent_id)


def _result(messages: Sequence[Memory], entities: Sequence[Entity], agent_name: str, agent_id: Any) -> ProviderResult:
    names = {each.id: each.names[0] for each in entities if each.names}
    names[agent_id] = agent_name
    lines = [f"{names.get(each.entity_id, 'User')}: {each.content.text}" for each in messages if each.content.text]
    text = "# Conversation so far\n" + "\n".join(lines) if lines else ""
    return ProviderResult(text=text, values={"recent_messages": "\n".join(lines)}, data={"messages": tuple(messages)})


recent_messages = Provider(
    name="RECENT_MESSAGES",
    description="The conversation so far",
    get=_get,
    position=100,
    place=PromptPlace.CONVERSATION,
)
