"""ElizaOS: registry of agents, and dispatch of messages to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from inspect import signature
from typing import Any, Literal, overload
from uuid import UUID

from runtime_core.agent.agent_config import AgentConfig, AnyAgent, coerce_agent
from runtime_core.agent.listeners import call_listeners
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
    find_lane,
    parse_agent_id,
    read_dispatch,
    wrap_error,
)
from runtime_core.orchestrator.events import EventDetail, OrchestratorEvent, OrchestratorEventType
from runtime_core.orchestrator.health import Health, absent_health, check_health
from runtime_core.orchestrator.message_delivery import Callback, MessageDelivery
from runtime_core.plugin_api import EventHandler, KeyCheck
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.support import background
from runtime_core.support.arguments import call
from runtime_core.support.shared import Shared
from runtime_core.turn.value import TurnOptions
from runtime_core.verbs.memories import AnyMemory

log = logging.getLogger(__name__)


class ElizaOS:
    """Registry of runtimes by agent id; ephemeral runtimes are not registered.

    Args:
        shared: Resources that all agents open once; without it, each agent opens its own.
    """

    def __init__(self, *, shared: Shared | None = None) -> None:
        self._runtimes: dict[UUID, AgentRuntime] = {}
        self._adding: set[UUID] = set()
        self._shared = shared
        self._listeners: dict[str, list[EventHandler]] = {}
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
        """Build and initialize agents concurrently; if one fails, none is registered.

        Args:
            agents: `AgentConfig`s, or dicts with `character` (a path is a character file) and any of its other fields.
            ephemeral: Do not register the agents; they live as long as the caller keeps them.
            skip_migrations: Neither migrate nor check the databases; no query is made.
            auto_start: Start the agents, as `start_agents` does.
            return_runtimes: Return runtimes instead of ids.
            is_test_mode: Set `IS_TEST_MODE` for plugins.

        Raises:
            AgentAlreadyRegistered: An id is registered already, or given twice.
        """
        configs = [coerce_agent(each) for each in agents]
        runtimes = [self._build(config, is_test_mode=is_test_mode) for config in configs]
        if not ephemeral:
            self._reserve(runtimes)
        try:
            await _initialize_all(runtimes, configs, skip_migrations=skip_migrations)
        finally:
            self._adding.difference_update(runtime.agent_id for runtime in runtimes if not ephemeral)
        if not ephemeral:
            self._runtimes.update({runtime.agent_id: runtime for runtime in runtimes})
            await self._emit_each("added", [runtime.agent_id for runtime in runtimes])
        if auto_start:
            await self._start(runtimes)
        return runtimes if return_runtimes else [runtime.agent_id for runtime in runtimes]

    def _build(self, config: AgentConfig, *, is_test_mode: bool) -> AgentRuntime:
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

    def _reserve(self, runtimes: Sequence[AgentRuntime]) -> None:
        """Reserve the ids before the first await, against concurrent calls."""
        ids = [runtime.agent_id for runtime in runtimes]
        self._check_free(ids)
        self._adding.update(ids)

    def _check_free(self, ids: Sequence[UUID]) -> None:
        for index, agent_id in enumerate(ids):
            if agent_id in self._runtimes or agent_id in self._adding or agent_id in ids[:index]:
                raise AgentAlreadyRegistered(f"agent {agent_id} is registered already: delete it first")

    async def start_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Start agents; without `ids`, all of them.

        Raises:
            AgentNotFound: An id is not registered; no agent is started.
        """
        await self._start([self._find(agent_id) for agent_id in (ids if ids is not None else self._runtimes)])

    async def _start(self, runtimes: Sequence[AgentRuntime]) -> None:
        await asyncio.gather(*(_start_runtime(runtime) for runtime in runtimes))
        await self._emit_each("started", [runtime.agent_id for runtime in runtimes])

    async def stop_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Stop agents; without `ids`, all of them.

        The agents stay registered. Unknown ids are ignored.
        """
        stopped = [each for each in (ids if ids is not None else list(self._runtimes)) if each in self._runtimes]
        await asyncio.gather(*(self._runtimes[each].stop() for each in stopped))
        await self._emit_each("stopped", stopped)

    async def delete_agents(self, ids: Sequence[UUID]) -> None:
        """Stop and unregister agents; their data stay in the database.

        Unknown ids are ignored.
        """
        known = [each for each in ids if each in self._runtimes]
        await self.stop_agents(known)
        for agent_id in known:
            self._runtimes.pop(agent_id, None)
        await self._emit_each("deleted", known)

    async def register_agent(self, runtime: AgentRuntime) -> None:
        """Register a runtime that was created elsewhere.

        Raises:
            AgentAlreadyRegistered: Its id is registered already.
        """
        self._check_free([runtime.agent_id])
        runtime.eliza_os = self
        self._runtimes[runtime.agent_id] = runtime
        await self._emit(OrchestratorEventType.AGENT_REGISTERED, agent_id=runtime.agent_id)

    async def enable_editable_mode(self) -> None:
        """Allow `update_agent`."""
        self._editable = True
        await self._emit(OrchestratorEventType.MODE_EDITABLE, editable=True)

    async def update_agent(self, agent_id: UUID, changes: Mapping[str, Any]) -> None:
        """Change fields of a running agent's character, named in camelCase or snake_case.

        Raises:
            AgentError: `enable_editable_mode` was not called.
            AgentNotFound: The id is not registered.
            InvalidInput, InvalidCharacter: A field is unknown, fixed or malformed; nothing is changed.
        """
        if not self._editable:
            raise AgentError("agents cannot be updated: await enable_editable_mode() first")
        runtime = self._find(agent_id)
        await change_character(runtime, changes)
        await self._emit(OrchestratorEventType.AGENT_UPDATED, agent_id=agent_id, changed=tuple(changes))

    # Discovery

    def get_agent(self, agent_id: UUID) -> AgentRuntime | None:
        """Find a registered runtime by id; None if there is none."""
        return self._runtimes.get(agent_id)

    def get_agent_by_name(self, name: str) -> AgentRuntime | None:
        """Find the first runtime by character name, ignoring case.

        Returns:
            None if no runtime with the name is registered.
        """
        return next(iter(self.get_agents_by_names([name])), None)

    def get_agents(self) -> list[AgentRuntime]:
        """List the registered runtimes, in order of registration."""
        return list(self._runtimes.values())

    def get_agents_by_ids(self, ids: Sequence[UUID]) -> list[AgentRuntime]:
        """Find registered runtimes by id, in the order given; skip unknown ids."""
        return [self._runtimes[each] for each in ids if each in self._runtimes]

    def get_agents_by_names(self, names: Sequence[str]) -> list[AgentRuntime]:
        """Find registered runtimes by character name, ignoring case, in the order given."""
        by_name: dict[str, list[AgentRuntime]] = {}
        for runtime in self._runtimes.values():
            by_name.setdefault(runtime.character.name.casefold(), []).append(runtime)
        return [runtime for name in names for runtime in by_name.get(name.casefold(), ())]

    # Events

    def add_event_listener(self, name: str, listener: EventHandler) -> None:
        """Call `listener(event)` for each event of this name; its errors are logged."""
        self._listeners.setdefault(str(name), []).append(listener)

    def remove_event_listener(self, name: str, listener: EventHandler) -> None:
        """Remove a listener; an unknown listener is ignored."""
        listeners = self._listeners.get(str(name), [])
        if listener in listeners:
            listeners.remove(listener)

    async def _emit(self, event_type: OrchestratorEventType, **detail: Any) -> None:
        if listeners := tuple(self._listeners.get(event_type, ())):
            event = OrchestratorEvent(type=event_type.value, detail=EventDetail(**detail))
            await call_listeners(event_type, listeners, event)

    async def _emit_each(self, what: str, ids: Sequence[UUID]) -> None:
        """Emit an event for each agent, then one for all of them."""
        for agent_id in ids:
            await self._emit(OrchestratorEventType(f"agent:{what}"), agent_id=agent_id)
        await self._emit(OrchestratorEventType(f"agents:{what}"), agent_ids=tuple(ids))

    # Health

    async def health_check(self, ids: Sequence[UUID] | None = None) -> dict[UUID, Health]:
        """Probe the databases and services of agents; without `ids`, of all agents."""
        wanted = list(ids if ids is not None else self._runtimes)
        found = await asyncio.gather(*(_check_health(self._runtimes.get(agent_id)) for agent_id in wanted))
        return dict(zip(wanted, found, strict=True))

    async def validate_api_keys(self, ids: Sequence[UUID] | None = None) -> dict[UUID, bool]:
        """Check the API keys of agents with their providers.

        Without `ids`, all agents are checked. A provider that needs no key counts as valid.

        Raises:
            AgentNotFound: An id is not registered.
            ModelError: The request to a provider failed.
        """
        runtimes = [self._find(agent_id) for agent_id in (ids if ids is not None else self._runtimes)]
        verdicts = await asyncio.gather(*(_has_valid_keys(runtime) for runtime in runtimes))
        return {runtime.agent_id: valid for runtime, valid in zip(runtimes, verdicts, strict=True)}

    def _find(self, given: UUID | str) -> AgentRuntime:
        agent_id = parse_agent_id(given)
        if agent_id not in self._runtimes:
            known = [f"{each.character.name} ({each.agent_id})" for each in self._runtimes.values()]
            shown = ", ".join([*known[:_MAX_LISTED], "…"] if len(known) > _MAX_LISTED else known)
            raise AgentNotFound(f"agent {agent_id} is not registered: registered agents are {shown or 'none'}")
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
        """Send a message to an agent, and await the result.

        With `on_response`, the call returns at once, and the message is handled in the background: `runtime.stop()` and
        the end of a Lambda invocation await it.

        Args:
            target: The id of a registered agent, or a runtime.
            message: A `Memory`, or a dict of its fields; `id`, `agent_id` and `created_at` are filled in.
            on_response: Awaited with each content of the answer, after this call has returned.
            on_stream_chunk: Awaited with `(piece, response_id)` for each piece of streamed text.
            on_error: Awaited with the error of a failure, which an awaited call also raises.
            on_complete: Awaited last, after success and failure.
            on_content: Awaited with each content of the answer, while this call waits.
            max_retries: Further rounds of model calls after a retryable error.
            timeout_s: Timeout of the whole turn in seconds.
            use_multi_step: False allows one round of actions before the answer.
            max_multi_step_iterations: Maximum rounds of actions; None uses the setting.
            may_join_room: False refuses a room that another agent opened (`RoomOfAnotherAgent`).
            run_id: Id of the run if the message is new; None generates one.

        Raises:
            AgentNotFound: The id is not registered.
            InvalidInput: The message is malformed, or both `on_response` and `on_content` are given.
            MayflyError: See `MessageService.handle_message`; not raised with `on_response`.
        """
        if on_response is not None and on_content is not None:
            raise InvalidInput("on_response and on_content exclude each other: pass one of them", path="on_response")
        runtime = target if isinstance(target, AgentRuntime) else self._find(target)
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
            processing = await delivery.process()
        else:
            background.start(delivery.process_in_background(), name=f"message {filled.id}", owner=runtime)
        await self._emit(
            OrchestratorEventType.MESSAGE_SENT,
            agent_id=runtime.agent_id,
            message_id=filled.id,
            mode="sync" if on_response is None else "async",
        )
        return HandledMessage(message_id=filled.id, user_message=filled, processing=processing)

    async def handle_messages(self, messages: Sequence[Mapping[str, Any]]) -> list[Dispatched]:
        """Send messages to agents concurrently; a failure does not affect the others.

        Messages to one agent in one room are handled in order.

        Args:
            messages: Dicts of `agent_id` or `target`, `message`, and `options` (keywords of `handle_message`).

        Returns:
            The outcomes, in the order given.
        """
        last: dict[Lane, asyncio.Task[Dispatched]] = {}
        tasks: list[asyncio.Task[Dispatched]] = []
        for each in messages:
            lane = find_lane(each)
            task = asyncio.ensure_future(_after(last.get(lane) if lane else None, self._dispatch(each)))
            tasks.append(task)
            if lane:
                last[lane] = task
        outcomes = await asyncio.gather(*tasks)
        await self._emit(
            OrchestratorEventType.MESSAGES_SENT,
            agent_ids=tuple(each.agent_id for each in outcomes if each.agent_id is not None),
            message_ids=tuple(each.result.message_id for each in outcomes if each.result is not None),
        )
        return outcomes

    async def _dispatch(self, dispatch: Mapping[str, Any]) -> Dispatched:
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
            log.exception("message failed", extra={"agent_id": str(agent_id)})
            return Dispatched(agent_id=agent_id, error=wrap_error(error))


_MAX_LISTED = 5  # agents listed in an error
_OPTIONS = frozenset(signature(ElizaOS.handle_message).parameters) - {"self", "target", "message"}


async def _initialize_all(
    runtimes: Sequence[AgentRuntime], configs: Sequence[AgentConfig], *, skip_migrations: bool
) -> None:
    """Initialize all runtimes; on failure or cancellation, stop all of them."""
    starting = [
        _initialize(runtime, config, skip_migrations=skip_migrations)
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


async def _after(before: asyncio.Task[Dispatched] | None, work: Coroutine[Any, Any, Dispatched]) -> Dispatched:
    """Do work once the previous message of its lane was handled."""
    if before is not None:
        await asyncio.wait([before])
    return await work


async def _initialize(runtime: AgentRuntime, config: AgentConfig, *, skip_migrations: bool) -> None:
    await runtime.initialize(skip_migrations=skip_migrations)
    if config.init is not None:
        with told_as(AgentError, f"agent {config.character.name!r}: init"):
            await call(config.init, (runtime,))


async def _check_health(runtime: AgentRuntime | None) -> Health:
    return absent_health() if runtime is None else await check_health(runtime)


async def _has_valid_keys(runtime: AgentRuntime) -> bool:
    checks = [(each.name, each.check_key) for each in runtime.plugins if each.check_key is not None]
    return all(await asyncio.gather(*(_is_valid_key(runtime, name, check) for name, check in checks)))


async def _is_valid_key(runtime: AgentRuntime, plugin: str, check: KeyCheck) -> bool:
    with told_as(PluginError, f"plugin {plugin!r}: key check"):
        return bool(await call(check, (runtime,)))


async def _start_runtime(runtime: AgentRuntime) -> None:
    await runtime.initialize(skip_migrations=True)
    await runtime.start_services()
