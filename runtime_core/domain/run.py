"""A run: the record of one message's way through the pipeline, and what claims and ends it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.domain.values import encode_json
from runtime_core.domain.world import Entity, Participant, Room, World


class RunStatus(StrEnum):
    """How far a run is."""

    QUEUED = "queued"  # accepted, and not begun: told to who asks, never stored
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Outcome(StrEnum):
    """What claiming a message's run came to."""

    NEW = "new"
    RESUME = "resume"  # an earlier invocation failed or its lease ran out: go on from its action results
    REPLAY = "replay"  # finished before: `run.result` is the answer
    RUNNING = "running"  # another invocation holds it until `run.lease_until`
    CONFLICT = "conflict"  # the same message id with another body
    FOREIGN_ROOM = "foreign_room"  # the room belongs to another agent


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an action gave.

    Attributes:
        text: Told to the model, and kept.
        values: Merged into the state's values for the actions after it.
        data: What later actions read; JSON.
        error: Why it failed, in words for the model.
        action: Its name.
        tool_call_id: The model's call that this answers; empty when none did.
        arguments: What it was called with.
    """

    success: bool = True
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    action: str = ""
    tool_call_id: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One message's way through the pipeline.

    Attributes:
        attempt: 1 for the first claim, one more for each resume.
        steps: What the turn did so far, in order, as JSON: enough to go on from (see `planning.Step`).
        result: The turn's result as JSON, once completed.
        error: `{"code", "message"}` of the last failed attempt.
        details: Usage and timings, as JSON.
    """

    id: UUID
    agent_id: UUID
    message_id: UUID
    room_id: UUID
    status: RunStatus
    attempt: int = 1
    lease_until: AwareDatetime | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    created_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


def body_hash(message: Memory) -> str:
    """What makes a message the same message: who says what, where."""
    body = [message.entity_id, message.room_id, message.content]
    return hashlib.sha256(encode_json(body).encode()).hexdigest()


def run_id_of(message: Memory) -> UUID:
    """The run's id for a message from outside: known before it begins, and to nobody who does not know the message."""
    return string_to_uuid(f"run:{message.agent_id}:{message.id}:{body_hash(message)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStart:
    """Everything `TurnStore.begin` writes, in one round trip.

    Attributes:
        lease_owner: Names this invocation; the same owner claiming twice (a retry after a lost connection)
            is one claim.
        lease_s: How long the claim holds without `finish`; the invocation's remaining time and one second.
        body_hash: Of what the caller sent; another hash under the same message id is a conflict.
        message: With `agent_id`; `created_at` None takes the store's clock.
        entities: The sender and the agent itself; those the store knows already stay as they are.
        conversation_length: Most earlier messages of the room wanted back.
        embedding_priority: `high`, `normal` or `low` marks the message as wanting an embedding; None does not.
        may_join: The agent may join a room that another agent opened.
        recall: Searched with the claim that is won, by words alone. Its first source is the room's own past: only what
            lies before the messages that come along is looked through, and nothing where those are all there are.
    """

    run_id: UUID
    agent_id: UUID
    agent_name: str
    lease_owner: UUID
    lease_s: float
    body_hash: str
    message: Memory
    world: World
    room: Room
    entities: tuple[Entity, ...]
    conversation_length: int = 32
    embedding_priority: str | None = None
    may_join: bool = True
    recall: RecallQuery | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """What `TurnStore.begin` gives back; the default providers read it instead of the database.

    Attributes:
        now: The store's clock at the claim.
        message: As stored, with its `created_at`.
        room_owner: Name of the agent that owns the room, when the outcome is `foreign_room`.
        messages: The room's earlier messages (table `messages`, this agent's), oldest first, without `message`.
        entities: Everyone who takes part in the room, the agent and the sender too.
        recalled: The hits of each source of `TurnStart.recall`, in order.

    `run`, `message`, `room`, `world` are None where the outcome leaves nothing to go on with.
    """

    outcome: Outcome
    now: AwareDatetime
    run: Run | None = None
    message: Memory | None = None
    room: Room | None = None
    world: World | None = None
    room_owner: str | None = None
    entities: tuple[Entity, ...] = ()
    participants: tuple[Participant, ...] = ()
    messages: tuple[Memory, ...] = ()
    recalled: tuple[tuple[Hit, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """Everything `TurnStore.finish` writes, in one transaction and one round trip.

    Attributes:
        status: `completed` keeps `result` for replays; `failed` frees the lease, so that the next delivery resumes.
        answers: The agent's memories of this turn, with `created_at`.
        embedding_priority: As in `TurnStart`, for the answers.
    """

    run_id: UUID
    agent_id: UUID
    lease_owner: UUID
    status: RunStatus
    answers: tuple[Memory, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    embedding_priority: str | None = None
