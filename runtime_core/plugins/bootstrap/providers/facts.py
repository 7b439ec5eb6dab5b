"""FACTS: what the agent was told before that bears on the message."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.memory_query import Recalled
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider
from runtime_core.recall.recall_task import within_budget


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    """Among what is known of the room and of the sender; one that another took the place of is not."""
    recalled: Recalled = await runtime.recalled(message)
    lines = within_budget((f"- {hit.memory.content.text}" for hit in recalled.facts), runtime.settings.recall_tokens)
    return ProviderResult(
        text="# What you know from before\n" + "\n".join(lines) if lines else "",
        values={"facts": "\n".join(lines)},
        data={"facts": tuple(hit.memory for hit in recalled.facts)},
    )


facts = Provider(
    name="FACTS", description="What the agent was told before that bears on the message", get=_get, position=60
)
