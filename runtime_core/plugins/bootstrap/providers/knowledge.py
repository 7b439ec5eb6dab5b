"""KNOWLEDGE: passages of the agent's documents that bear on the message."""

from __future__ import annotations

from typing import Any

from runtime_core.components import Provider, ProviderResult
from runtime_core.memory import Memory, MemoryType

_MOST = 5


async def _get(runtime: Any, message: Memory) -> ProviderResult:
    """Found by the message's words; whole documents only where none was cut into passages."""
    query = message.content.text.strip()
    if not query:
        return ProviderResult()
    found = await runtime.search_memories(query, _MOST, table=MemoryType.FRAGMENT.value)
    if not found:
        found = await runtime.search_memories(query, _MOST, table=MemoryType.DOCUMENT.value)
    lines = [f"- {each.content.text}" for each in found]
    return ProviderResult(
        text="# What your documents say\n" + "\n".join(lines) if lines else "",
        values={"knowledge": "\n".join(lines)},
        data={"knowledge": tuple(found)},
    )


knowledge = Provider(
    name="KNOWLEDGE",
    description="Passages of the agent's documents that bear on the message",
    get=_get,
    position=70,
    dynamic=True,  # it asks the database
)
