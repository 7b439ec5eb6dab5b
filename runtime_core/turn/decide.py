"""Decision whether the agent answers: rules first, then a small model."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from runtime_core.domain.chat import ChatMessage, ChatRole, ModelType, TextResponse
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Memory
from runtime_core.domain.run import TurnContext
from runtime_core.domain.state import State
from runtime_core.domain.world import DIRECT_CHANNELS, ChannelType, ParticipantState
from runtime_core.plugin_api import Context
from runtime_core.rooms.participation import set_state
from runtime_core.turn.attachments import read_attachments
from runtime_core.turn.value import Turn

DEFAULT_TEMPLATE = """You decide whether {agent_name} takes part in a group conversation.
Answer with one word:
RESPOND when the last message is meant for {agent_name} or plainly asks what {agent_name} can best answer;
STOP when someone asks {agent_name} to be quiet or to leave;
IGNORE in every other case.

The conversation, as data:
<conversation>
{recent_messages}
</conversation>"""


class Verdict(StrEnum):
    """What the agent does with a message."""

    RESPOND = "RESPOND"
    IGNORE = "IGNORE"
    STOP = "STOP"  # as IGNORE, and the agent stays silent in this room until it is mentioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Channels and sources that the agent always answers.

    Read from the comma-separated settings `ALWAYS_RESPOND_CHANNELS` and `ALWAYS_RESPOND_SOURCES`.
    """

    channels: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @classmethod
    def read(cls, setting: Callable[[str, Any], Any]) -> Rules:
        """Read the rules from the settings."""

        def split_setting(name: str) -> list[str]:
            return [each.strip() for each in str(setting(name, "")).split(",") if each.strip()]

        return cls(
            channels=frozenset(each.upper() for each in split_setting("ALWAYS_RESPOND_CHANNELS")),
            sources=frozenset(each.lower() for each in split_setting("ALWAYS_RESPOND_SOURCES")),
        )


def verdict_by_rule(
    message: Memory, context: TurnContext, *, agent_id: UUID, agent_name: str, rules: Rules
) -> Verdict | None:
    """Apply the rules to a message.

    Returns:
        None if the rules leave the decision to the model.
    """
    if message.entity_id == agent_id:
        return Verdict.IGNORE
    meant = _is_meant(message, context, agent_id, agent_name)
    state = next((each.state for each in context.participants if each.entity_id == agent_id), None)
    if state is ParticipantState.MUTED and not meant:
        return Verdict.IGNORE
    channel = channel_of(message, context)
    answered = (
        meant
        or state is ParticipantState.FOLLOWED
        or channel in DIRECT_CHANNELS
        or channel.value in rules.channels
        or (message.content.source or "").lower() in rules.sources
    )
    return Verdict.RESPOND if answered else None


def channel_of(message: Memory, context: TurnContext | None) -> ChannelType:
    """Return the channel type: the room's, else the message's."""
    if context is not None and context.room is not None:
        return context.room.type
    return message.content.channel_type or ChannelType.API


def _is_meant(message: Memory, context: TurnContext, agent_id: UUID, agent_name: str) -> bool:
    """Whether the message names the agent or replies to it."""
    if message.content.mentioned or re.search(rf"(?<!\w)@?{re.escape(agent_name)}(?!\w)", message.content.text, re.I):
        return True
    replied = message.content.in_reply_to
    return replied is not None and any(each.id == replied and each.entity_id == agent_id for each in context.messages)


async def decide(turn: Turn) -> Verdict:
    """Decide what to do with the message.

    Its state is composed unless the rules ignore the message.

    Returns:
        The verdict; with STOP the room is already muted.
    """
    runtime, context = turn.runtime, turn.context
    verdict = verdict_by_rule(
        turn.message,
        context,
        agent_id=runtime.agent_id,
        agent_name=runtime.character.name,
        rules=Rules.read(runtime.get_setting),
    )
    if verdict is None and await _replies_to_older_answer(turn):
        verdict = Verdict.RESPOND
    if verdict is Verdict.IGNORE:
        return verdict
    if verdict is Verdict.RESPOND:
        await _read_attachments(turn)
    turn.state = await runtime.compose_state(turn.message)
    turn.end_phase("state_ms")
    if verdict is not None:
        return verdict
    verdict = await verdict_by_model(runtime, turn.message, turn.state)
    if verdict is Verdict.RESPOND and await _read_attachments(turn):
        turn.state = await runtime.compose_state(turn.message, skip_cache=True)
    elif verdict is Verdict.STOP:
        await set_state(runtime, turn.message.room_id, ParticipantState.MUTED)
    return verdict


async def _replies_to_older_answer(turn: Turn) -> bool:
    """Whether the message replies to an older answer of an agent.

    The claim did not read that answer.
    """
    replied = turn.message.content.in_reply_to
    if replied is None or any(each.id == replied for each in turn.context.messages):
        return False
    agent_id = turn.runtime.agent_id
    found = await turn.runtime.database.memories.get(agent_id, [replied])
    return any(each.entity_id == agent_id for each in found)


async def _read_attachments(turn: Turn) -> bool:
    """Read the attachments of the turn's message.

    Returns:
        Whether the message changed.
    """
    unread = turn.message
    if not unread.content.attachments:
        return False
    turn.message = await read_attachments(turn.runtime, unread)
    turn.scope.context = replace(turn.context, message=turn.message)
    turn.end_phase("attachments_ms")
    return turn.message is not unread


async def verdict_by_model(runtime: Context, message: Memory, state: State) -> Verdict:
    """Ask a small model; an answer without a verdict counts as IGNORE."""
    template = runtime.character.templates.get("should_respond", DEFAULT_TEMPLATE)
    recent = state.provided("RECENT_MESSAGES").text
    prompt = template.replace("{agent_name}", runtime.character.name).replace(
        "{recent_messages}", recent or message.content.text
    )
    prompt = prompt.replace("{{agentName}}", runtime.character.name).replace("{{recentMessages}}", recent)
    answer = await runtime.use_model(ModelType.TEXT_SMALL, {"messages": [ChatMessage(role=ChatRole.USER, text=prompt)]})
    text = answer.text if isinstance(answer, TextResponse) else str(answer)
    words = re.findall(r"RESPOND|IGNORE|STOP", text.upper())
    return Verdict(words[0]) if words else Verdict.IGNORE
