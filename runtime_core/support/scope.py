"""What one turn gathers, reached through a context variable: never kept on the runtime."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from runtime_core.domain.chat import NO_USAGE, ModelCall, Usage
from runtime_core.domain.memory import Memory
from runtime_core.domain.memory_query import RecallResult
from runtime_core.domain.run import ActionResult, TurnContext
from runtime_core.domain.state import State
from runtime_core.support.database_use import database_use_noted_by


class Recall(Protocol):
    """The recall of one message."""

    @property
    def message_id(self) -> UUID: ...

    async def get(self) -> RecallResult:
        """Return the relevant memories; the search runs once."""


@dataclass(slots=True, kw_only=True)
class TurnScope:
    """What one turn gathers.

    Attributes:
        outer: The scope this one was opened in (`start_run` around `handle_message`).
        context: What the store gave at the claim; None outside the pipeline.
        results: Action results by message id, in order.
        states: States composed in this turn, by message id and what was included.
        calls: Model calls, in order.
        usage: Tokens of every model call.
        responses: What the agent said so far.
        claimed: The run id has been given to a message.
        began: Monotonic seconds at the claim.
        recall_task: What the message brings to mind.
        round_trips: To the database, so far; none where it is a file.
        database_ms: Time spent in calls of the database, also those that ran at once.
    """

    agent_id: UUID
    run_id: UUID = field(default_factory=uuid4)
    room_id: UUID | None = None
    outer: TurnScope | None = None
    context: TurnContext | None = None
    results: dict[UUID, list[ActionResult]] = field(default_factory=dict)
    states: dict[tuple[UUID, frozenset[str], bool], State] = field(default_factory=dict)
    calls: list[ModelCall] = field(default_factory=list)
    responses: list[Memory] = field(default_factory=list)
    claimed: bool = False
    began: float = field(default_factory=time.monotonic)
    recall_task: Recall | None = None
    usage: Usage = NO_USAGE
    round_trips: int = 0
    database_ms: float = 0.0

    def now(self) -> datetime:
        """The store's clock, carried on from the claim; this machine's where nothing was claimed."""
        if self.context is None:
            return datetime.now(UTC)
        return self.context.now + timedelta(seconds=time.monotonic() - self.began)

    def keep_state(self, key: tuple[UUID, frozenset[str], bool], state: State) -> None:
        """Keep a state for the rest of the turn; a scope without a message of its own keeps the last alone."""
        if self.context is None:
            self.states.clear()  # it may live as long as the process
        self.states[key] = state

    def log_fields(self) -> dict[str, str]:
        """What a log line says of the turn: run, room and message, as far as they are known."""
        message = self.context.message if self.context else None
        known = {"run_id": self.run_id, "room_id": self.room_id, "message_id": message.id if message else None}
        return {name: str(value) for name, value in known.items() if value is not None}

    def add_result(self, message_id: UUID, result: ActionResult) -> None:
        """Keep a result here and in the scopes around, where who opened them looks for it."""
        scope: TurnScope | None = self
        while scope is not None:
            scope.results.setdefault(message_id, []).append(result)
            scope = scope.outer

    def note_database_use(self, round_trips: int, took_ms: float) -> None:
        """Add a use of the database here and in the outer scopes."""
        scope: TurnScope | None = self
        while scope is not None:
            scope.round_trips += round_trips
            scope.database_ms += took_ms
            scope = scope.outer

    def add_call(self, call: ModelCall) -> None:
        """Add a model call and its tokens."""
        self.calls.append(call)
        self.usage = self.usage + call.usage


_current: ContextVar[TurnScope | None] = ContextVar("mayfly_turn", default=None)
innermost_scope = _current.get
"""Returns the innermost scope of the current task, of whichever agent."""


def current_scope(agent_id: UUID) -> TurnScope | None:
    """The innermost scope of this agent: one agent calling another has the other's around it."""
    scope = _current.get()
    while scope is not None and scope.agent_id != agent_id:
        scope = scope.outer
    return scope


def open_scope(agent_id: UUID, *, room_id: UUID | None = None) -> TurnScope:
    """Open a scope for the rest of the current task, until `close_scope`."""
    scope = TurnScope(agent_id=agent_id, room_id=room_id, outer=_current.get())
    _current.set(scope)
    return scope


def scope_of(agent_id: UUID, room_id: UUID | None = None) -> TurnScope:
    """Return the scope the current task is in; outside of one, open it."""
    return current_scope(agent_id) or open_scope(agent_id, room_id=room_id)


def close_scope(agent_id: UUID) -> None:
    """Close this agent's innermost scope, and those opened inside it."""
    scope = current_scope(agent_id)
    if scope is not None:
        _current.set(scope.outer)


@contextmanager
def turn_scope(agent_id: UUID, room_id: UUID) -> Iterator[TurnScope]:
    """A scope for one message; takes the run id of a run opened around it, once."""
    around = current_scope(agent_id)
    scope = TurnScope(agent_id=agent_id, room_id=room_id, outer=_current.get())
    if around is not None and not around.claimed and around.context is None:
        around.claimed = True
        scope.run_id = around.run_id
    token = _current.set(scope)
    try:
        with database_use_noted_by(scope.note_database_use):
            yield scope
    finally:
        _current.reset(token)
        scope.recall_task = None  # a connection opened in this turn keeps its context, but no runtime
