"""Turn of one message, the value that the steps pass on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass as mutable
from dataclasses import field
from typing import Any, Protocol, TypeAlias
from uuid import UUID, uuid4

from runtime_core.domain.chat import ToolCall
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.run import ActionResult, TurnContext
from runtime_core.domain.state import State
from runtime_core.plugin_api import Callback, Context, Evaluator
from runtime_core.ports import JobQueue
from runtime_core.recall.recall_task import RecallTask
from runtime_core.support.arguments import call
from runtime_core.support.deadline import Deadline
from runtime_core.support.scope import TurnScope
from runtime_core.verbs.memories import AnyMemory

OnContent: TypeAlias = Callable[..., Awaitable[Any]]
"""Awaited with each content as the agent sends it."""


class TurnRuntime(Context, Protocol):
    """What a turn needs of its runtime beside the plugin API."""

    @property
    def default_world_id(self) -> UUID: ...

    async def evaluate(
        self,
        message: AnyMemory,
        state: State | None = None,
        did_respond: bool = True,
        callback: Callback | None = None,
        responses: Sequence[Memory] = (),
    ) -> list[Evaluator]:
        """Run the evaluators that are due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """How one message is processed.

    Attributes:
        on_delta: Awaited with `(piece, response_id)` as the model writes.
        max_retries: Further rounds of model calls after a retryable failure; None takes the setting's.
        timeout_s: Bounds the whole turn; an earlier deadline stays in force.
        lease_s: How long the claim holds; None takes the time the deadline leaves.
        may_join: The agent may join a room that another agent opened.
        run_id: Id of the run if the message is new; None makes one.
    """

    on_delta: Callable[..., Awaitable[Any]] | None = None
    max_retries: int | None = None
    timeout_s: float | None = None
    max_iterations: int | None = None
    lease_s: float | None = None
    may_join: bool = True
    run_id: UUID | None = None


DEFAULT_OPTIONS = TurnOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One round of actions, as the run stores it.

    It is enough for another invocation to resume.

    Attributes:
        text: What the model wrote beside its calls.
        results: One for each call, in order.
        said: What the actions sent to the user.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ActionResult, ...] = ()
    said: tuple[Memory, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        return {"text": self.text, "calls": self.calls, "results": self.results, "said": self.said}


@mutable(slots=True, kw_only=True)
class Turn:
    """One message on its way.

    Attributes:
        message: As stored, once claimed; with its attachments in words, once read.
        owner: The lease's fencing token.
        outer_deadline: In force around the turn; work that outlives the answer goes by it.
        phases: Milliseconds of each phase, in order.
        queue: The work queue, where evaluators are enqueued; None runs them in this process.
        steps: The rounds of actions so far.
        response_id: Id of the answer to come, which streamed pieces carry; a new one after text beside calls.
        is_enqueued: The message's embedding is on its way.
    """

    runtime: TurnRuntime
    message: Memory
    scope: TurnScope
    recall: RecallTask
    options: TurnOptions = DEFAULT_OPTIONS
    callback: OnContent | None = None
    outer_deadline: Deadline | None = None
    owner: UUID = field(default_factory=uuid4)
    started: float = field(default_factory=time.perf_counter)
    phases: dict[str, float] = field(default_factory=dict)
    queue: JobQueue | None = None
    state: State | None = None
    steps: list[Step] = field(default_factory=list)
    response_id: UUID = field(default_factory=uuid4)
    is_enqueued: bool = False

    @property
    def context(self) -> TurnContext:
        """What the claim read."""
        assert self.scope.context is not None  # noqa: S101 - `claim` set it
        return self.scope.context

    @property
    def composed(self) -> State:
        """The state, once composed."""
        assert self.state is not None  # noqa: S101 - `compose` set it
        return self.state

    async def send(self, content: Content) -> None:
        """Pass content to the caller."""
        if self.callback is not None:
            await call(self.callback, (content,))

    def steps_as_json(self) -> tuple[Mapping[str, Any], ...]:
        """The steps done, as the run stores them."""
        return tuple(step.as_json() for step in self.steps)

    def event(self, status: str = "started") -> dict[str, Any]:
        """Make the data of an event about this turn."""
        return {
            "runtime": self.runtime,
            "run_id": self.scope.run_id,
            "message_id": self.message.id,
            "room_id": self.message.room_id,
            "entity_id": self.message.entity_id,
            "source": self.message.content.source,
            "status": status,
        }

    def end_phase(self, name: str) -> None:
        """Record how long it took since the phase before."""
        self.phases[name] = round(self.elapsed_ms() - sum(self.phases.values()), 3)

    def elapsed_ms(self) -> float:
        """Milliseconds since the turn started."""
        return round((time.perf_counter() - self.started) * 1000, 3)

    def details(self) -> dict[str, Any]:
        """Timings, model calls and usage, as the run stores them."""
        return {"timings_ms": dict(self.phases), "model_calls": self.scope.calls, "usage": self.scope.usage}
