"""The result of processing one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.chat import NO_USAGE, Usage
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.values import coerce

if TYPE_CHECKING:
    from runtime_core.domain.state import State


class Mode(StrEnum):
    """How the agent answered: text only, with actions, or not at all."""

    SIMPLE = "simple"
    ACTIONS = "actions"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageProcessingResult:
    """The result of processing one message.

    Attributes:
        response_messages: The agent's messages of this turn, in order.
        state: The state behind the answer; None in a replay.
        replayed: Whether this is the stored answer to a message answered earlier.
    """

    message_id: UUID
    run_id: UUID
    agent_id: UUID
    room_id: UUID
    mode: Mode
    response_messages: tuple[Memory, ...] = ()
    usage: Usage = NO_USAGE
    state: State | None = None
    replayed: bool = False

    @property
    def did_respond(self) -> bool:
        return bool(self.response_messages)

    @property
    def response_content(self) -> Content | None:
        """Content of the last response; None if the agent did not respond."""
        return self.response_messages[-1].content if self.response_messages else None

    @property
    def text(self) -> str:
        """Text of the last response; empty if the agent did not respond."""
        return self.response_messages[-1].content.text if self.response_messages else ""

    def as_json(self) -> dict[str, Any]:
        """Convert to JSON for responses of all handlers, without the state."""
        return {
            "message_id": str(self.message_id),
            "run_id": str(self.run_id),
            "agent_id": str(self.agent_id),
            "room_id": str(self.room_id),
            "text": self.text,
            "did_respond": self.did_respond,
            "mode": self.mode.value,
            "responses": [
                {
                    "id": str(memory.id),
                    "text": memory.content.text,
                    "actions": list(memory.content.actions),
                    "attachments": [{"url": each.url, "title": each.title} for each in memory.content.attachments],
                    "created_at": memory.created_at.isoformat() if memory.created_at else None,
                }
                for memory in self.response_messages
            ],
            "usage": {
                "input_tokens": self.usage.input_tokens,
                "output_tokens": self.usage.output_tokens,
                "cached_input_tokens": self.usage.cached_input_tokens,
            },
            "replayed": self.replayed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """The part of a result that a run stores for replays."""

    message_id: UUID
    run_id: UUID
    agent_id: UUID
    room_id: UUID
    mode: Mode
    response_messages: tuple[Memory, ...]
    usage: Usage


def dump_result(result: MessageProcessingResult) -> Mapping[str, Any]:
    """Convert a result to what a run stores; `load_result` reads it."""
    return {each.name: getattr(result, each.name) for each in fields(StoredResult)}


def load_result(value: Mapping[str, Any]) -> MessageProcessingResult:
    """Read a stored result, marked as a replay."""
    kept = coerce(StoredResult, value, name="run.result")
    return MessageProcessingResult(
        message_id=kept.message_id,
        run_id=kept.run_id,
        agent_id=kept.agent_id,
        room_id=kept.room_id,
        mode=kept.mode,
        response_messages=kept.response_messages,
        usage=kept.usage,
        replayed=True,
    )
