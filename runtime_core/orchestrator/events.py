"""Events of the orchestrator: changes of agents, and messages sent."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from runtime_core.domain.frozen import dataclass


class OrchestratorEventType(StrEnum):
    """Types of orchestrator events, named as in the reference."""

    AGENT_ADDED = "agent:added"
    AGENT_STARTED = "agent:started"
    AGENT_STOPPED = "agent:stopped"
    AGENT_DELETED = "agent:deleted"
    AGENT_REGISTERED = "agent:registered"
    AGENT_UPDATED = "agent:updated"
    AGENTS_ADDED = "agents:added"
    AGENTS_STARTED = "agents:started"
    AGENTS_STOPPED = "agents:stopped"
    AGENTS_DELETED = "agents:deleted"
    MESSAGE_SENT = "message:sent"
    MESSAGES_SENT = "messages:sent"
    MODE_EDITABLE = "mode:editable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    """Details of an event; fields that do not apply keep their defaults.

    Attributes:
        agent_id: The agent of an `agent:` event and of `message:sent`.
        agent_ids: The agents of an `agents:` event and of `messages:sent`, in the order given.
        message_id: The message of `message:sent`.
        message_ids: The messages of `messages:sent` that did not fail.
        mode: `sync` if the caller waits for the answer, `async` if callbacks receive it.
        changed: The changed fields of the character, in `agent:updated`.
        editable: Whether agents may be updated, in `mode:editable`.
    """

    agent_id: UUID | None = None
    agent_ids: tuple[UUID, ...] = ()
    message_id: UUID | None = None
    message_ids: tuple[UUID, ...] = ()
    mode: str | None = None
    changed: tuple[str, ...] = ()
    editable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorEvent:
    """The argument of a listener."""

    type: str
    detail: EventDetail
