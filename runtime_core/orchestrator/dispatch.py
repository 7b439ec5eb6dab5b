"""Dispatch of several messages: parsing, results and order."""

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
    """The result of `handle_message`.

    Attributes:
        user_message: The message, with defaults filled in.
        processing: The result of processing; None if the message is processed in the background.
    """

    message_id: UUID
    user_message: Memory
    processing: MessageProcessingResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """The outcome of one of several messages: `result` or `error`."""

    agent_id: UUID | None
    result: HandledMessage | None = None
    error: MayflyError | None = None


def read_dispatch(
    dispatch: Mapping[str, Any], *, options: frozenset[str]
) -> tuple[UUID | AgentRuntime, AnyMemory, Mapping[str, Any]]:
    """Parse a dispatch into target, message, and keywords of `handle_message`.

    Args:
        options: The supported keywords.

    Raises:
        InvalidInput: A key is missing or unknown, or the target is no agent.
    """
    if unknown := dispatch.keys() - {"target", "agent_id", "message", "options"}:
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}", path="messages")
    target = dispatch.get("target", dispatch.get("agent_id"))
    if not isinstance(target, AgentRuntime):
        target = parse_agent_id(target, path="messages.agent_id")
    if "message" not in dispatch:
        raise InvalidInput("is required", path="messages.message")
    given = dispatch.get("options") or {}
    if unknown := given.keys() - options:
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}", path="messages.options")
    return target, dispatch["message"], given


def parse_agent_id(given: object, *, path: str = "agent_id") -> UUID:
    """Parse the id of an agent from a UUID or text.

    Raises:
        InvalidInput: The value is no UUID.
    """
    if isinstance(given, UUID):
        return given
    try:
        return UUID(given if isinstance(given, str) else "")
    except ValueError as error:
        hint = f": to find an agent by name, call get_agent_by_name({given!r})" if isinstance(given, str) else ""
        raise InvalidInput(f"expected the id of an agent, or a runtime, got {given!r}{hint}", path=path) from error


Lane: TypeAlias = tuple[str, str]
"""The ids of an agent and a room; messages of one lane are handled in order."""


def find_lane(dispatch: object) -> Lane | None:
    """Find the lane of a dispatch.

    Returns:
        None if the message names no room; handling it raises the error.
    """
    if not isinstance(dispatch, Mapping):
        return None
    target, message = dispatch.get("target", dispatch.get("agent_id")), dispatch.get("message")
    room_id = message.get("room_id") if isinstance(message, Mapping) else getattr(message, "room_id", None)
    return (str(target.agent_id if isinstance(target, AgentRuntime) else target), str(room_id)) if room_id else None


def wrap_error(error: Exception) -> MayflyError:
    """Wrap an unexpected error in a `MayflyError`, the base of dispatch errors."""
    failure = MayflyError(f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
