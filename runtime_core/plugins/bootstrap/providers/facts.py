"""FACTS: what the agent was told before that bears on the message."""

from __future__ import annotations

from typing import Any

from runtime_core.components import Provider, ProviderResult
from runtime_core.memory import Memory, MemoryType

_MOST = 6


async def _get(runtime: Any, message: Memory) -> ProviderResult:
    """Found by the message's words among what is known of its room; nothing is looked up for a message without text."""
    query = message.content.text.strip()
    found = (
        await runtime.search_memories(query, _MOST, table=MemoryType.FACT.value, room_id=message.room_id)
        if query
        else []
    )
    lines = [f"- {each.content.text}" for each in found]
    return ProviderResult(
        text="# What you know from before\n" + "\n".join(lines) if lines else "",
        values={"facts": "\n".join(lines)},
        data={"facts": tuple(found)},
    )


facts = Provider(
    name="FACTS",
    description="What the agent was told before that bears on the message",
    get=_get,
    position=60,
    dynamic=True,  # it asks the database
)
