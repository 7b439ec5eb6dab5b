"""ElizaOS: the orchestrator. Agents come and go here, and messages find their way to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from inspect import signature
from typing import Any, Literal, overload
from uuid import UUID

from runtime_core.agent.agent_config import AgentConfig, AnyAgent, coerce_agent
from runtime_core.agent.components import Handler, accepted
from runtime_core.agent.events import EventHandler, Events
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import (
    AgentAlreadyRegistered,
    AgentError,
    AgentNotFound,
    InvalidInput,
    MayflyError,
    PluginError,
    told_as,
)
from runtime_core.orchestrator.character_change import change_character
from runtime_core.orchestrator.dispatch import (
    Dispatched,
    HandledMessage,
    Lane,
    agent_id_of,
    lane_of,
    read_dispatch,
    unexpected,
)
from runtime_core.orchestrator.events import EventDetail, OrchestratorEvent, OrchestratorEventType
from runtime_core.orchestrator.health import Health, health_of, not_there
from runtime_core.orchestrator.message_delivery import Callback, MessageDelivery
from runtime_core.runtime.data_verbs import AnyMemory
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.support import background
from runtime_core.support.shared import Shared
from runtime_core.turn.pipeline import TurnOptions

log = logging.getLogger(__name__)


class ElizaOS:
    """Holds runtimes by agent id. An ephemeral runtime is held by nobody but who asked for it.

    `shared` keeps what all its agents open once; without it each agent opens its own.
    """

    def __init__(self, *, shared: Shared | None = None) -> None:
        self._runtimes: dict[UUID, AgentRuntime] = {}
        self._adding: set[UUID] = set()
        self._shared = shared
        self._events = Events()
        self._editable = False

    @overload
    async def add_agents(
        self,
        agents: Sequence[AnyAgent],
        *,
        ephemeral: bool = ...,
        skip_migrations: bool = ...,
        auto_start: bool = ...,
        return_runtimes: Literal[True],
        is_test_mode: bool = ...,
    ) -> list[AgentRuntime]: ...

    @overload
    async def add_agents(
        self,
        agents: Sequence[AnyAgent],
        *,
        ephemeral: bool = ...,
        skip_migrations: bool = ...,
        auto_start: bool = ...,
        return_runtimes: Literal[False] = ...,
        is_test_mode: bool = ...,
    ) -> list[UUID]: ...

    async def add_agents(
        self,
        agents: Sequence[AnyAgent],
        *,
        ephemeral: bool = False,
        skip_migrations: bool = False,
        auto_start: bool = False,
        return_runtimes: bool = False,
        is_test_mode: bool = False,
    ) -> list[UUID] | list[AgentRuntime]:
        """Build and initialize agents, all at once; one that fails fails the call, and none is registered.

        Args:
            agents: `AgentConfig`s, or dicts with `character` (a path is a character file) and any of its other fields.
            ephemeral: Not registered, found by nobody; lives as long as the caller holds it.
            skip_migrations: The databases are known to be ready: no DDL, no check, no query.
            auto_start: Start what `start_agents` would start.
            return_runtimes: Give runtimes in place of ids.
            is_test_mode: Visible to plugins as the setting `IS_TEST_MODE`.

        Raises:
            AgentAlreadyRegistered: An id is taken, or given twice.
        """
        configs = [coerce_agent(each) for each in agents]
        runtimes = [self._built(config, is_test_mode=is_test_mode) for config in configs]
        if not ephemeral:
            self._reserve(runtimes)
        try:
            await self._initialize_all(runtimes, configs, skip_migrations=skip_migrations)
        finally:
            self._adding.difference_update(runtime.agent_id for runtime in runtimes if not ephemeral)
        if not ephemeral:
            self._runtimes.update({runtime.agent_id: runtime for runtime in runtimes})
            await self._tell_each("added", [runtime.agent_id for runtime in runtimes])
        if auto_start:
            await self._start(runtimes)
        return runtimes if return_runtimes else [runtime.agent_id for runtime in runtimes]

    def _built(self, config: AgentConfig, *, is_test_mode: bool) -> AgentRuntime:
        runtime = AgentRuntime(
            character=config.character,
            plugins=config.plugins,
            adapter=config.database_adapter,
            settings=config.settings,
            shared=self._shared,
        )
        if is_test_mode:
            runtime.set_setting("IS_TEST_MODE", True)
        runtime.eliza_os = self
        return runtime

    async def _initialize_all(
        self, runtimes: Sequence[AgentRuntime], configs: Sequence[AgentConfig], *, skip_migrations: bool
    ) -> None:
        """Initialize all of them, or none: when one fails, or the caller gives up, every one is stopped again."""
        starting = [
            _initialized(runtime, config, skip_migrations=skip_migrations)
            for runtime, config in zip(runtimes, configs, strict=True)
        ]
        try:
            outcomes = await asyncio.gather(*starting, return_exceptions=True)
        except asyncio.CancelledError:
            await asyncio.gather(*(runtime.stop() for runtime in runtimes))
            raise
        if failure := next((each for each in outcomes if isinstance(each, BaseException)), None):
            await asyncio.gather(*(runtime.stop() for runtime in runtimes))
            raise failure

    def _reserve(self, runtimes: Sequence[AgentRuntime]) -> None:
        """Take the ids before anything is awaited, so that two calls at once never add the same one."""
        ids = [runtime.agent_id for runtime in runtimes]
        self._refuse_taken(ids)
        self._adding.update(ids)

    def _refuse_taken(self, ids: Sequence[UUID]) -> None:
        for index, agent_id in enumerate(ids):
            if agent_id in self._runtimes or agent_id in self._adding or agent_id in ids[:index]:
                raise AgentAlreadyRegistered(f"agent {agent_id} is registered already: stop and delete it first")

    async def start_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Start agents, all of them without `ids`.

        Raises:
            AgentNotFound: An id is not registered; none is started then.
        """
        await self._start([self._registered(agent_id) for agent_id in (ids if ids is not None else self._runtimes)])

    async def _start(self, runtimes: Sequence[AgentRuntime]) -> None:
        await asyncio.gather(*(_started(runtime) for runtime in runtimes))
        await self._tell_each("started", [runtime.agent_id for runtime in runtimes])

    async def stop_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Stop agents, all of them without `ids`; unknown ids are ignored. They stay registered."""
        stopped = [each for each in (ids if ids is not None else list(self._runtimes)) if each in self._runtimes]
        await asyncio.gather(*(self._runtimes[each].stop() for each in stopped))
        await self._tell_each("stopped", stopped)

    async def delete_agents(self, ids: Sequence[UUID]) -> None:
        """Stop agents and forget them; unknown ids are ignored, and what the database holds of them stays."""
        known = [each for each in ids if each in self._runtimes]
        await self.stop_agents(known)
        for agent_id in known:
            self._runtimes.pop(agent_id, None)
        await self._tell_each("deleted", known)

    async def register_agent(self, runtime: AgentRuntime) -> None:
        """Take in a runtime that was made elsewhere; it is found and reached like those made here.

        Raises:
            AgentAlreadyRegistered: Its id is taken.
        """
        self._refuse_taken([runtime.agent_id])
        runtime.eliza_os = self
        self._runtimes[runtime.agent_id] = runtime
        await self._tell(OrchestratorEventType.AGENT_REGISTERED, agent_id=runtime.agent_id)

    async def enable_editable_mode(self) -> None:
        """Allow `update_agent` from now on."""
        self._editable = True
        await self._tell(OrchestratorEventType.MODE_EDITABLE, editable=True)

    async def update_agent(self, agent_id: UUID, changes: Mapping[str, Any]) -> None:
        """Change the character of a running agent: the fields in `changes`, in camelCase or snake_case.

        Raises:
            AgentError: `enable_editable_mode` was not called.
            AgentNotFound: The id is not registered.
            InvalidInput, InvalidCharacter: A field is unknown, fixed or wrong; nothing is changed.
        """
        if not self._editable:
            raise AgentError("agents cannot be updated: await enable_editable_mode() first")
        runtime = self._registered(agent_id)
        await change_character(runtime, changes)
        await self._tell(OrchestratorEventType.AGENT_UPDATED, agent_id=agent_id, changed=tuple(changes))

    # Discovery

    def get_agent(self, agent_id: UUID) -> AgentRuntime | None:
        """The registered runtime of this id, or None."""
        return self._runtimes.get(agent_id)

    def get_agent_by_name(self, name: str) -> AgentRuntime | None:
        """The first registered runtime whose character has this name, in any case, or None."""
        return next(iter(self.get_agents_by_names([name])), None)

    def get_agents(self) -> list[AgentRuntime]:
        """Every registered runtime, in the order they were added."""
        return list(self._runtimes.values())

    def get_agents_by_ids(self, ids: Sequence[UUID]) -> list[AgentRuntime]:
        """Those of the ids that are registered, in the order given."""
        return [self._runtimes[each] for each in ids if each in self._runtimes]

    def get_agents_by_names(self, names: Sequence[str]) -> list[AgentRuntime]:
        """The registered runtimes with these names, in any case, in the order given."""
        by_name: dict[str, list[AgentRuntime]] = {}
        for runtime in self._runtimes.values():
            by_name.setdefault(runtime.character.name.casefold(), []).append(runtime)
        return [runtime for name in names for runtime in by_name.get(name.casefold(), ())]

    # Events

    def add_event_listener(self, name: str, listener: EventHandler) -> None:
        """Call `listener(event)` for every event of this name; one that fails is logged and stops nobody."""
        self._events.on(name, listener)

    def remove_event_listener(self, name: str, listener: EventHandler) -> None:
        """Call it no more; a listener that was never added is ignored."""
        self._events.off(name, listener)

    async def _tell(self, event_type: OrchestratorEventType, **detail: Any) -> None:
        await self._events.emit(event_type, OrchestratorEvent(type=event_type.value, detail=EventDetail(**detail)))

    async def _tell_each(self, what: str, ids: Sequence[UUID]) -> None:
        """Tell of each agent, then of all of them together."""
        for agent_id in ids:
            await self._tell(OrchestratorEventType(f"agent:{what}"), agent_id=agent_id)
        await self._tell(OrchestratorEventType(f"agents:{what}"), agent_ids=tuple(ids))

    # Health

    async def health_check(self, ids: Sequence[UUID] | None = None) -> dict[UUID, Health]:
        """Probe agents, all of them without `ids`: their databases and services are really asked."""
        wanted = list(ids if ids is not None else self._runtimes)
        found = await asyncio.gather(*(self._health(agent_id) for agent_id in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _health(self, agent_id: UUID) -> Health:
        runtime = self._runtimes.get(agent_id)
        return not_there() if runtime is None else await health_of(runtime)

    async def validate_api_keys(self, ids: Sequence[UUID] | None = None) -> dict[UUID, bool]:
        """Ask each agent's model providers whether they accept its keys; a provider without keys needs none.

        Raises:
            AgentNotFound: An id is not registered.
            ModelError: A provider could not be asked.
        """
        runtimes = [self._registered(agent_id) for agent_id in (ids if ids is not None else self._runtimes)]
        verdicts = await asyncio.gather(*(_has_valid_keys(runtime) for runtime in runtimes))
        return {runtime.agent_id: valid for runtime, valid in zip(runtimes, verdicts, strict=True)}

    def _registered(self, given: UUID | str) -> AgentRuntime:
        agent_id = agent_id_of(given)
        if agent_id not in self._runtimes:
            known = [f"{each.character.name} ({each.agent_id})" for each in self._runtimes.values()]
            shown = ", ".join([*known[:_SHOWN], "…"] if len(known) > _SHOWN else known)
            raise AgentNotFound(f"no agent {agent_id} is registered; there are {shown or 'none'}")
        return self._runtimes[agent_id]

    # Messages

    async def handle_message(  # noqa: PLR0913 - the reference's options, all by keyword
        self,
        target: UUID | str | AgentRuntime,
        message: AnyMemory,
        *,
        on_response: Callback | None = None,
        on_stream_chunk: Callback | None = None,
        on_error: Callback | None = None,
        on_complete: Callback | None = None,
        on_content: Callback | None = None,
        max_retries: int | None = None,
        timeout_s: float | None = None,
        use_multi_step: bool | None = None,
        max_multi_step_iterations: int | None = None,
        may_join_room: bool = True,
        run_id: UUID | None = None,
    ) -> HandledMessage:
        """Send a message to an agent and wait for what comes of it; with `on_response`, return at once.

        Work in the background is waited for by `runtime.stop()` and by the end of a Lambda invocation.

        Args:
            target: A registered agent's id, or a runtime.
            message: A `Memory`, or a dict of its fields; `id`, `agent_id` and `created_at` are filled in.
            on_response: Awaited with every content as it comes, after this call has returned.
            on_stream_chunk: Awaited with `(piece, response_id)` as the model writes.
            on_error: Awaited with whatever failed; a call that waits raises it too.
            on_complete: Awaited last, whatever happened.
            on_content: As `on_response`, while this call waits.
            max_retries: Further rounds of model calls after a retryable failure.
            timeout_s: Bounds the whole turn.
            use_multi_step: False lets the model act once, then it has to answer.
            max_multi_step_iterations: Most rounds of actions; the setting's when None.
            may_join_room: False refuses a room that another agent opened (`RoomOfAnotherAgent`).
            run_id: Names the run of a message that is new; it gets a new id when None.

        Raises:
            AgentNotFound: No agent of that id is registered.
            InvalidInput: The message is malformed, or both `on_response` and `on_content` are given.
            MayflyError: As `Pipeline.handle_message`, unless `on_response` is given.
        """
        if on_response is not None and on_content is not None:
            raise InvalidInput("give on_response (returns at once) or on_content (waits), not both", path="on_response")
        runtime = target if isinstance(target, AgentRuntime) else self._registered(target)
        given = runtime.as_message(message)
        filled = replace(given, agent_id=runtime.agent_id, created_at=given.created_at or datetime.now(UTC))
        delivery = MessageDelivery(
            runtime=runtime,
            message=replace(filled, created_at=given.created_at),
            options=TurnOptions(
                on_delta=on_stream_chunk,
                max_retries=max_retries,
                timeout_s=timeout_s,
                max_iterations=1 if use_multi_step is False else max_multi_step_iterations,
                may_join=may_join_room,
                run_id=run_id,
            ),
            on_content=on_response or on_content,
            on_error=on_error,
            on_complete=on_complete,
        )
        processing: MessageProcessingResult | None = None
        if on_response is None:
            processing = await delivery.processed()
        else:
            background.start(delivery.in_background(), name=f"message {filled.id}", owner=runtime)
        await self._tell(
            OrchestratorEventType.MESSAGE_SENT,
            agent_id=runtime.agent_id,
            message_id=filled.id,
            mode="sync" if on_response is None else "async",
        )
        return HandledMessage(message_id=filled.id, user_message=filled, processing=processing)

    async def handle_messages(self, messages: Sequence[Mapping[str, Any]]) -> list[Dispatched]:
        """Send messages to agents, all at once; one that fails never fails the others.

        Those of one agent's room are handled one after the other, so that the room keeps their order.

        Args:
            messages: Each with `agent_id` or `target`, `message`, and `options`: keywords of `handle_message`.

        Returns:
            What became of each, in the order given.
        """
        last: dict[Lane, asyncio.Task[Dispatched]] = {}
        tasks: list[asyncio.Task[Dispatched]] = []
        for each in messages:
            lane = lane_of(each)
            task = asyncio.ensure_future(self._in_turn(each, last.get(lane) if lane else None))
            tasks.append(task)
            if lane:
                last[lane] = task
        outcomes = await asyncio.gather(*tasks)
        await self._tell(
            OrchestratorEventType.MESSAGES_SENT,
            agent_ids=tuple(each.agent_id for each in outcomes if each.agent_id is not None),
            message_ids=tuple(each.result.message_id for each in outcomes if each.result is not None),
        )
        return outcomes

    async def _in_turn(self, dispatch: Mapping[str, Any], before: asyncio.Task[Dispatched] | None) -> Dispatched:
        """Handle a message once the one before it in its agent's room was handled."""
        if before is not None:
            await asyncio.wait([before])
        return await self._dispatched(dispatch)

    async def _dispatched(self, dispatch: Mapping[str, Any]) -> Dispatched:
        given = dispatch if isinstance(dispatch, Mapping) else {}
        target = given.get("target", given.get("agent_id"))
        agent_id = target.agent_id if isinstance(target, AgentRuntime) else target
        try:
            wanted, message, options = read_dispatch(given, options=_OPTIONS)
            agent_id = wanted.agent_id if isinstance(wanted, AgentRuntime) else wanted
            return Dispatched(agent_id=agent_id, result=await self.handle_message(wanted, message, **options))
        except MayflyError as error:
            return Dispatched(agent_id=agent_id, error=error)
        except Exception as error:
            log.exception("message not answered", extra={"agent_id": str(agent_id)})
            return Dispatched(agent_id=agent_id, error=unexpected(error))


_SHOWN = 5  # agents in an error
_OPTIONS = frozenset(signature(ElizaOS.handle_message).parameters) - {"self", "target", "message"}


async def _initialized(runtime: AgentRuntime, config: AgentConfig, *, skip_migrations: bool) -> None:
    await runtime.initialize(skip_migrations=skip_migrations)
    if config.init is not None:
        with told_as(AgentError, f"agent {config.character.name!r}: init"):
            await config.init(*accepted(config.init, (runtime,)))


async def _has_valid_keys(runtime: AgentRuntime) -> bool:
    checks = [(each.name, each.check_key) for each in runtime.plugins if each.check_key is not None]
    return all(await asyncio.gather(*(_is_valid_key(runtime, name, check) for name, check in checks)))


async def _is_valid_key(runtime: AgentRuntime, plugin: str, check: Handler) -> bool:
    with told_as(PluginError, f"plugin {plugin!r}: key check"):
        return bool(await check(*accepted(check, (runtime,))))


async def _started(runtime: AgentRuntime) -> None:
    await runtime.initialize(skip_migrations=True)
    await runtime.start_services()
