"""FACTS: stored facts relevant to the message."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.memory_query import RecallResult
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider
from runtime_core.recall.recall_task import fit_budget


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    """List the relevant current facts of the room and about the sender."""
    recalled: RecallResult = await runtime.recalled(message)
    lines = fit_budget((f"- {hit.memory.content.text}" for hit in recalled.facts), runtime.settings.recall_tokens)
    return ProviderResult(
        text="# What you know from before\n" + "\n".join(lines) if lines else "",
        values={"facts": "\n".join(lines)},
        data={"facts": tuple(hit.memory for hit in recalled.facts)},
    )


facts = Provider(name="FACTS", description="Stored facts relevant to the message", get=_get, position=60)
