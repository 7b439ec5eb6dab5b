"""What an orchestrator tells its listeners: agents that come and go, and messages sent to them."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from runtime_core.domain.frozen import dataclass


class OrchestratorEventType(StrEnum):
    """The events of the orchestrator, by the reference's names."""

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
    """What happened, as far as it applies to the event.

    Attributes:
        agent_id: The agent of an `agent:` event and of `message:sent`.
        agent_ids: The agents of an `agents:` event and of `messages:sent`, in the order given.
        message_id: Of the message sent.
        message_ids: Of those `messages:sent` tells about; a message that failed has none.
        mode: `sync` when the caller waits for the answer, `async` when callbacks get it.
        changed: Names of the character's fields that `agent:updated` tells about.
        editable: Whether agents may be updated.
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
    """What a listener gets."""

    type: str
    detail: EventDetail
