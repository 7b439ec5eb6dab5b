"""Rules that decide whether the agent answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.run import Outcome, TurnContext
from runtime_core.domain.world import ChannelType, Participant, ParticipantState, Room
from runtime_core.turn.decide import Rules, Verdict, verdict_by_rule

AGENT, USER, ROOM = uuid4(), uuid4(), uuid4()


def verdict(
    text: str = "hello all",
    *,
    channel: ChannelType = ChannelType.GROUP,
    state: ParticipantState | None = None,
    rules: Rules | None = None,
    messages: tuple[Memory, ...] = (),
    sender: Any = USER,
    **content: Any,
) -> Verdict | None:
    message = Memory(entity_id=sender, room_id=ROOM, content=Content(text=text, **content))
    context = TurnContext(
        outcome=Outcome.NEW,
        now=datetime.now(UTC),
        room=Room(id=ROOM, type=channel),
        participants=(Participant(room_id=ROOM, entity_id=AGENT, state=state),),
        messages=messages,
    )
    return verdict_by_rule(message, context, agent_id=AGENT, agent_name="Ada", rules=rules or Rules())


def test_a_group_message_is_left_to_the_model() -> None:
    assert verdict() is None


@pytest.mark.parametrize("channel", [ChannelType.DM, ChannelType.VOICE_DM, ChannelType.SELF, ChannelType.API])
def test_someone_who_talks_to_the_agent_alone_is_answered(channel: ChannelType) -> None:
    assert verdict(channel=channel) is Verdict.RESPOND


@pytest.mark.parametrize("text", ["Ada, what do you think?", "what says @ada?", "ask ADA."])
def test_a_message_that_names_the_agent_is_answered(text: str) -> None:
    assert verdict(text) is Verdict.RESPOND


def test_a_longer_word_does_not_name_the_agent() -> None:
    assert verdict("a canadadian adage") is None


def test_a_mention_and_a_reply_are_answered() -> None:
    said = Memory(entity_id=AGENT, room_id=ROOM, content=Content(text="before"))
    assert verdict(mentioned=True) is Verdict.RESPOND
    assert verdict(in_reply_to=said.id, messages=(said,)) is Verdict.RESPOND
    assert verdict(in_reply_to=uuid4(), messages=(said,)) is None


def test_its_own_message_is_never_answered() -> None:
    assert verdict("Ada", channel=ChannelType.DM, sender=AGENT) is Verdict.IGNORE


def test_a_muted_room_is_silent_until_the_agent_is_mentioned() -> None:
    assert verdict(state=ParticipantState.MUTED, channel=ChannelType.DM) is Verdict.IGNORE
    assert verdict("Ada?", state=ParticipantState.MUTED) is Verdict.RESPOND


def test_a_followed_room_is_answered() -> None:
    assert verdict(state=ParticipantState.FOLLOWED) is Verdict.RESPOND


def test_channels_and_sources_widen_the_rules() -> None:
    assert verdict(rules=Rules(channels=frozenset({"GROUP"}))) is Verdict.RESPOND
    assert verdict(rules=Rules(sources=frozenset({"discord"})), source="Discord") is Verdict.RESPOND
    assert verdict(rules=Rules(sources=frozenset({"discord"})), source="web") is None
