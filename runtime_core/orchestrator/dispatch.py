"""Messages sent to several agents at once: how each is given, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import InvalidInput, MayflyError
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.verbs.memories import AnyMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class HandledMessage:
    """What `handle_message` gives: the message with everything filled in, and what processing it came to."""

    message_id: UUID
    user_message: Memory
    processing: MessageProcessingResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """What became of one of several messages: `result`, or the `error` that it failed with."""

    agent_id: UUID | None
    result: HandledMessage | None = None
    error: MayflyError | None = None


def read_dispatch(
    dispatch: Mapping[str, Any], *, options: frozenset[str]
) -> tuple[UUID | AgentRuntime, AnyMemory, Mapping[str, Any]]:
    """Whom a message goes to, the message, and the keywords of `handle_message` for it.

    Args:
        options: The keywords there are.

    Raises:
        InvalidInput: A key is missing, unknown, or names no agent.
    """
    if unknown := dispatch.keys() - {"target", "agent_id", "message", "options"}:
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}", path="messages")
    target = dispatch.get("target", dispatch.get("agent_id"))
    if not isinstance(target, AgentRuntime):
        target = agent_id_of(target, path="messages.agent_id")
    if "message" not in dispatch:
        raise InvalidInput("is required", path="messages.message")
    given = dispatch.get("options") or {}
    if unknown := given.keys() - options:
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}", path="messages.options")
    return target, dispatch["message"], given


def agent_id_of(given: object, *, path: str = "agent_id") -> UUID:
    """The id of an agent, also where it is written as text.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(given, UUID):
        return given
    try:
        return UUID(given if isinstance(given, str) else "")
    except ValueError as error:
        hint = f"; get_agent_by_name({given!r}) finds one by its name" if isinstance(given, str) else ""
        raise InvalidInput(f"expected the id of an agent, or a runtime, got {given!r}{hint}", path=path) from error


Lane: TypeAlias = tuple[str, str]
"""An agent and one of its rooms: messages of one lane are handled one after the other."""


def lane_of(dispatch: object) -> Lane | None:
    """The lane of a message; None where the message names no room, which its handling will say."""
    if not isinstance(dispatch, Mapping):
        return None
    target, message = dispatch.get("target", dispatch.get("agent_id")), dispatch.get("message")
    room_id = message.get("room_id") if isinstance(message, Mapping) else getattr(message, "room_id", None)
    return (str(target.agent_id if isinstance(target, AgentRuntime) else target), str(room_id)) if room_id else None


def unexpected(error: Exception) -> MayflyError:
    """Wrap what nobody foresaw, so that every failure of a message is one of ours."""
    failure = MayflyError(f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
