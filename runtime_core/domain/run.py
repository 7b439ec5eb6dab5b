"""Runs, and the values that claim and finish them."""

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
    """The progress of a run."""

    QUEUED = "queued"  # accepted, not begun; only in responses, never stored
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Outcome(StrEnum):
    """The outcome of claiming the run of a message."""

    NEW = "new"
    RESUME = "resume"  # an earlier invocation failed or its lease expired: continue from its action results
    REPLAY = "replay"  # finished earlier: `run.result` is the answer
    RUNNING = "running"  # another invocation holds it until `run.lease_until`
    CONFLICT = "conflict"  # the message id is in use with another body
    FOREIGN_ROOM = "foreign_room"  # the room belongs to another agent


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """The result of an action.

    Attributes:
        text: Shown to the model, and stored.
        values: Merged into the state's values for later actions.
        data: JSON for later actions.
        error: The reason of a failure, worded for the model.
        action: Name of the action.
        tool_call_id: The model's tool call that this answers; empty without one.
        arguments: The arguments of the call.
    """

    success: bool = True
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None
    action: str = ""
    tool_call_id: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOptions:
    """What an action's handler gets beside message and state.

    Attributes:
        parameters: The model's arguments, checked and coerced.
        previous_results: Results of this turn's earlier actions, oldest first.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    previous_results: tuple[ActionResult, ...] = ()

    def get_previous_result(self, name: str) -> ActionResult | None:
        """The newest earlier result of the action with this name."""
        return next((each for each in reversed(self.previous_results) if each.action == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The processing of one message.

    Attributes:
        attempt: 1 for the first claim, one more for each resume.
        steps: The rounds of actions so far, in order, as JSON (`turn.answering.Step`); a resume continues from them.
        result: The `StoredResult` as JSON; None until completed.
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
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


def body_hash(message: Memory) -> str:
    """Hash the sender, room and content, which identify a message."""
    body = [message.entity_id, message.room_id, message.content]
    return hashlib.sha256(encode_json(body).encode()).hexdigest()


def run_id_of(message: Memory) -> UUID:
    """Derive the run id of an incoming message.

    The id is known before the run begins, and cannot be guessed without the message.
    """
    return string_to_uuid(f"run:{message.agent_id}:{message.id}:{body_hash(message)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStart:
    """The input of `TurnStore.begin`, written in one round trip.

    Attributes:
        lease_owner: Identifies this invocation; a second claim by the same owner (a retry after a lost connection)
            counts as the first.
        lease_s: Seconds until the claim expires without `finish`: the invocation's remaining time and one second.
        body_hash: `body_hash` of the incoming message; another hash under the same message id is a conflict.
        message: With `agent_id`; if `created_at` is None, the store's clock fills it in.
        entities: The sender and the agent; entities that the store knows are not changed.
        conversation_length: Maximum number of earlier messages of the room to return.
        embedding_priority: `high`, `normal` or `low` enqueues the message for embedding; None does not.
        may_join: Whether the agent may join a room that another agent opened.
        recall: Query by words that runs with a successful claim. Its first source is the room's past: it covers only
            messages older than those returned in `TurnContext.messages`, and finds nothing if there are none.
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
    """The output of `TurnStore.begin`, which providers read instead of the database.

    Attributes:
        now: The store's clock at the claim.
        message: As stored, with its `created_at`.
        room_owner: Name of the agent that owns the room, if the outcome is `foreign_room`.
        messages: The room's earlier messages (table `messages`, this agent's), oldest first, without `message`.
        entities: All participants of the room, including the agent and the sender.
        recalled: The hits of each source of `TurnStart.recall`, in order.

    `run`, `message`, `room` and `world` are None if the outcome does not continue the turn.
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
    """The input of `TurnStore.finish`, written in one transaction and round trip.

    Attributes:
        status: `completed` stores `result` for replays; `failed` releases the lease, so that the next delivery resumes.
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
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    embedding_priority: str | None = None
