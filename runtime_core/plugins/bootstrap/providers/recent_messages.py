"""RECENT_MESSAGES: the conversation window, and relevant older messages."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from runtime_core.domain.memory import Hit, Memory, required_created_at
from runtime_core.domain.memory_query import RecallResult
from runtime_core.domain.state import ProviderResult
from runtime_core.errors import MayflyError
from runtime_core.plugin_api import Context, PromptPlace, Provider
from runtime_core.ports import MemoryFilter
from runtime_core.recall.recall_task import fit_budget
from runtime_core.support.deadline import within

log = logging.getLogger(__name__)

_SHARE = 0.8  # of the providers' timeout: older messages are optional, the conversation is not


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    """Read the conversation from the claim; outside a turn, from the store."""
    context = runtime.turn_context()
    if context is not None and context.room is not None and context.room.id == message.room_id:
        messages, entities = context.messages, context.entities
    else:
        newest = await runtime.database.memories.find(
            runtime.agent_id, MemoryFilter(room_ids=(message.room_id,)), limit=runtime.get_conversation_length()
        )
        messages, entities = tuple(each for each in reversed(newest) if each.id != message.id), ()
    names = {each.id: each.names[0] for each in entities if each.names}
    names[runtime.agent_id] = runtime.character.name
    lines = [f"{names.get(each.entity_id, 'User')}: {each.content.text}" for each in messages if each.content.text]
    older = _format_older(await _recall_past(runtime, message), messages, names, runtime.settings.recall_tokens)
    return ProviderResult(
        text="# Conversation so far\n" + "\n".join(lines) if lines else "",
        values={"recent_messages": "\n".join(lines), "recalled_messages": "\n".join(older)},
        data={
            "messages": tuple(messages),
            "context": ("# From earlier in this conversation\n" + "\n".join(older),) if older else (),
        },
    )


async def _recall_past(runtime: Context, message: Memory) -> Sequence[Hit]:
    """Recall older messages.

    On an error or timeout the failure is logged and the messages are omitted.
    """
    try:
        async with within(runtime.settings.providers_timeout_s * _SHARE, "recall"):
            recalled: RecallResult = await runtime.recalled(message)
    except MayflyError as error:
        log.warning("recall failed, older messages omitted", extra={"error_code": error.code, "reason": str(error)})
        return ()
    return recalled.past


def _format_older(hits: Sequence[Hit], recent: Sequence[Memory], names: Mapping[UUID, str], tokens: int) -> list[str]:
    """Format the best hits within the budget, with neighbours, oldest first."""
    shown = {each.id for each in recent}
    found = [each for hit in hits for each in (hit.memory, *hit.before, *hit.after)]
    unique = {each.id: each for each in found if each.id not in shown and each.content.text}
    lines = {each.id: _format_line(each, names) for each in unique.values()}
    kept = fit_budget(lines.values(), tokens)
    chosen = dict(zip(lines, kept, strict=False))
    return [chosen[each.id] for each in sorted(unique.values(), key=_order) if each.id in chosen]


def _format_line(memory: Memory, names: Mapping[UUID, str]) -> str:
    when = required_created_at(memory).strftime("%Y-%m-%d %H:%M")
    return f"[{when}] {names.get(memory.entity_id, 'User')}: {memory.content.text}"


def _order(memory: Memory) -> tuple[Any, UUID]:
    return required_created_at(memory), memory.id


recent_messages = Provider(
    name="RECENT_MESSAGES",
    description="The conversation so far",
    get=_get,
    position=100,
    place=PromptPlace.CONVERSATION,
)
