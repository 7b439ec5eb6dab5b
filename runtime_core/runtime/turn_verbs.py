"""Verbs on the current turn: state, actions, evaluators and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult, TurnContext
from runtime_core.domain.state import State
from runtime_core.errors import InvalidInput
from runtime_core.plugin_api import Action, Callback, Context, Evaluator
from runtime_core.rooms.contexts import active_contexts
from runtime_core.support.scope import TurnScope, close_scope, current_scope, innermost_scope, open_scope, scope_of
from runtime_core.turn.act import ToolCallContext, execute_planned_tool_call, find_action, process_actions
from runtime_core.turn.compose import compose
from runtime_core.turn.evaluate import run_evaluators
from runtime_core.verbs.memories import AnyMemory

_EMPTY = State()


class TurnVerbs(Context):
    """Verbs on the current task's turn and on parts of turns."""

    async def compose_state(
        self,
        message: AnyMemory,
        include: Sequence[str] | None = None,
        only_include: bool = False,
        skip_cache: bool = False,
    ) -> State:
        """Run the providers on a message and merge their results in order.

        Args:
            include: Names of further providers, dynamic and private ones included.
            only_include: Those alone.
            skip_cache: Run the providers again; otherwise a second call in the same turn returns the same state.

        Raises:
            StateError: A name in `include` is unknown.
        """
        if isinstance(include, str | State):
            raise InvalidInput(f"expected names of providers, got a {type(include).__name__}", path="include")
        about = message if isinstance(message, Memory) else self.as_message(message)
        names = frozenset(include or ())
        scope, key = scope_of(self.agent_id, about.room_id), (about.id, names, only_include)
        if skip_cache or key not in scope.states:
            scope.keep_state(key, await compose(self, about, names, only_include=only_include))
        return scope.states[key]

    async def process_actions(
        self,
        message: AnyMemory,
        responses: Sequence[AnyMemory],
        state: State | None = None,
        callback: Callback | None = None,
    ) -> list[ActionResult]:
        """Run the actions that the responses name, in order.

        `get_action_results` also returns their results.
        """
        named = [name for each in responses for name in self.as_message(each).content.actions]
        return await process_actions(self, self.as_message(message), named, state=state, callback=callback)

    async def execute_planned_tool_call(
        self, ctx: ToolCallContext | Mapping[str, Any], call: Mapping[str, Any]
    ) -> ActionResult:
        """Run one action by name; never raises."""
        return await execute_planned_tool_call(self, ctx, call)

    def find_action(self, name: str) -> Action | None:
        """Return the action with this name or simile.

        Returns:
            None if no action matches.
        """
        return find_action(self.actions, name)

    def get_action_results(self, message_id: UUID) -> list[ActionResult]:
        """Return the results of a message's actions in this turn or run.

        Returns:
            The results in the order in which the actions ran.
        """
        scope = current_scope(self.agent_id)
        return list(scope.results.get(message_id, ())) if scope else []

    def active_contexts(self) -> tuple[str, ...]:
        """Return the contexts of the conversation; empty excludes nothing."""
        return active_contexts(self.turn_context(), self.get_setting("ACTIVE_CONTEXTS"))

    async def evaluate(
        self,
        message: AnyMemory,
        state: State | None = None,
        did_respond: bool = True,
        callback: Callback | None = None,
        responses: Sequence[Memory] = (),
    ) -> list[Evaluator]:
        """Run the due evaluators, one after the other.

        A failing evaluator is logged.

        Returns:
            Those that ran.
        """
        return await run_evaluators(
            self, self.as_message(message), state or _EMPTY, did_respond=did_respond, responses=responses
        )

    def create_run_id(self) -> UUID:
        """Make an id for a run."""
        return uuid4()

    def start_run(self, room_id: UUID | None = None) -> UUID:
        """Start a run in the current task.

        The next message handled in this task takes the run's id.
        """
        return open_scope(self.agent_id, room_id=room_id).run_id

    def end_run(self) -> None:
        """End the current run."""
        close_scope(self.agent_id)

    def get_current_run_id(self) -> UUID:
        """Return the id of the current task's run.

        Outside of a run, the call starts one.
        """
        return scope_of(self.agent_id).run_id

    def turn_context(self) -> TurnContext | None:
        """Return what the claim of the current message read.

        Returns:
            None outside a turn.
        """
        scope = innermost_scope()
        if scope is not None and scope.agent_id != self.agent_id:  # an agent that another one called
            scope = current_scope(self.agent_id)
        return scope.context if scope else None

    def turn(self) -> TurnScope | None:
        """Return the current message's turn; None outside one."""
        return current_scope(self.agent_id)
