"""KNOWLEDGE: passages of documents relevant to the message."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.memory_query import RecallResult
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider
from runtime_core.recall.recall_task import fit_budget


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    """List relevant passages of ingested documents, and relevant unsplit documents."""
    recalled: RecallResult = await runtime.recalled(message)
    passages = (_format_passage(hit.memory) for hit in recalled.passages)
    kept = fit_budget(passages, runtime.settings.recall_tokens)
    return ProviderResult(
        text="# What your documents say\n" + "\n\n".join(kept) if kept else "",
        values={"knowledge": "\n\n".join(kept)},
        data={"knowledge": tuple(hit.memory for hit in recalled.passages)},
    )


def _format_passage(memory: Memory) -> str:
    title = memory.metadata.get("title")
    return f"[{title}] {memory.content.text}" if title else memory.content.text


knowledge = Provider(
    name="KNOWLEDGE", description="Passages of the agent's documents relevant to the message", get=_get, position=70
)
