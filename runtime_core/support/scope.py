"""Turn scope, the data of one turn.

It is kept in a context variable, never on the runtime.
"""

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
from runtime_core.support.database_use import watch_database_use


class Recall(Protocol):
    """The recall of one message."""

    @property
    def message_id(self) -> UUID: ...

    async def get(self) -> RecallResult:
        """Return the relevant memories; the search runs once."""


@dataclass(slots=True, kw_only=True)
class TurnScope:
    """Data that one turn collects.

    Attributes:
        outer: The scope this one was opened in (`start_run` around `handle_message`).
        context: The store's data from the claim; None outside the pipeline.
        results: Action results by message id, in order.
        states: States composed in this turn, by message id, included names and `only_include`.
        calls: Model calls, in order.
        usage: Tokens of every model call.
        responses: What the agent said so far.
        claimed: The run id has been given to a message.
        began: Monotonic seconds at the claim.
        recall_task: The recall of the message.
        round_trips: Round trips to the database so far; 0 for a file.
        database_ms: Milliseconds in database calls, with concurrent calls added up.
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
        """Return the store's time, advanced since the claim.

        Without a claim, this machine's time is returned.
        """
        if self.context is None:
            return datetime.now(UTC)
        return self.context.now + timedelta(seconds=time.monotonic() - self.began)

    def keep_state(self, key: tuple[UUID, frozenset[str], bool], state: State) -> None:
        """Keep a state for the rest of the turn.

        A scope without a message of its own keeps only the last state.
        """
        if self.context is None:
            self.states.clear()  # it may live as long as the process
        self.states[key] = state

    def log_fields(self) -> dict[str, str]:
        """Return the known fields of a log line.

        Returns:
            The ids of the run, the room and the message, as far as they are known.
        """
        message = self.context.message if self.context else None
        known = {"run_id": self.run_id, "room_id": self.room_id, "message_id": message.id if message else None}
        return {name: str(value) for name, value in known.items() if value is not None}

    def add_result(self, message_id: UUID, result: ActionResult) -> None:
        """Add a result here and to the outer scopes.

        The openers of the outer scopes read it.
        """
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
    """Return the innermost scope of this agent.

    When one agent calls another, the scope of the caller encloses that of the called agent.

    Returns:
        None if there is none.
    """
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
    """Return the current scope of this agent, or open one."""
    return current_scope(agent_id) or open_scope(agent_id, room_id=room_id)


def close_scope(agent_id: UUID) -> None:
    """Close this agent's innermost scope, and those opened inside it."""
    scope = current_scope(agent_id)
    if scope is not None:
        _current.set(scope.outer)


@contextmanager
def turn_scope(agent_id: UUID, room_id: UUID) -> Iterator[TurnScope]:
    """Open a scope for one message.

    The first message in an enclosing run takes the id of that run.
    """
    around = current_scope(agent_id)
    scope = TurnScope(agent_id=agent_id, room_id=room_id, outer=_current.get())
    if around is not None and not around.claimed and around.context is None:
        around.claimed = True
        scope.run_id = around.run_id
    token = _current.set(scope)
    try:
        with watch_database_use(scope.note_database_use):
            yield scope
    finally:
        _current.reset(token)
        scope.recall_task = None  # a connection opened in this turn keeps its context alive: keep no runtime in it
