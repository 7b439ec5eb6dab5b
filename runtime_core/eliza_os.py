"""ElizaOS: the orchestrator. Agents come and go here, and messages find their way to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, overload
from uuid import UUID

from runtime_core.character import Character, coerce_character, load_character
from runtime_core.components import Handler, Plugin, accepted
from runtime_core.data_verbs import AnyMemory
from runtime_core.errors import AgentAlreadyRegistered, AgentNotFound, InvalidInput
from runtime_core.memory import Memory
from runtime_core.ports import DatabaseAdapter
from runtime_core.result import MessageProcessingResult
from runtime_core.runtime import AgentRuntime
from runtime_core.settings import Settings
from runtime_core.shared import Shared
from runtime_core.turn import TurnOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """An agent to be added.

    Attributes:
        init: `(runtime)`, called when the runtime is initialized.
        database_adapter: Used as it is, never opened twice, never closed.
    """

    character: Character
    plugins: tuple[Plugin | str, ...] = ()
    settings: Settings | Mapping[str, Any] | None = None
    init: Handler | None = None
    database_adapter: DatabaseAdapter | None = None

    @property
    def agent_id(self) -> UUID:
        return self.character.agent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class HandledMessage:
    """What `handle_message` gives: the message with everything filled in, and what processing it came to."""

    message_id: UUID
    user_message: Memory
    processing: MessageProcessingResult | None = None


AnyAgent = AgentConfig | Mapping[str, Any]


class ElizaOS:
    """Holds runtimes by agent id. An ephemeral runtime is held by nobody but who asked for it.

    `shared` keeps what all its agents open once; without it each agent opens its own.
    """

    def __init__(self, *, shared: Shared | None = None) -> None:
        self._runtimes: dict[UUID, AgentRuntime] = {}
        self._shared = shared

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
            self._refuse_taken([runtime.agent_id for runtime in runtimes])
        outcomes = await asyncio.gather(
            *(
                _initialized(runtime, config, skip_migrations=skip_migrations)
                for runtime, config in zip(runtimes, configs, strict=True)
            ),
            return_exceptions=True,
        )
        if failure := next((each for each in outcomes if isinstance(each, BaseException)), None):
            await asyncio.gather(*(runtime.stop() for runtime in runtimes))
            raise failure
        if not ephemeral:
            self._runtimes.update({runtime.agent_id: runtime for runtime in runtimes})
        if auto_start:
            await asyncio.gather(*(runtime.start_services() for runtime in runtimes))
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

    def _refuse_taken(self, ids: Sequence[UUID]) -> None:
        for index, agent_id in enumerate(ids):
            if agent_id in self._runtimes or agent_id in ids[:index]:
                raise AgentAlreadyRegistered(f"agent {agent_id} is registered already: stop and delete it first")

    async def start_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Start agents, all of them without `ids`.

        Raises:
            AgentNotFound: An id is not registered; none is started then.
        """
        runtimes = [self._registered(agent_id) for agent_id in (ids if ids is not None else self._runtimes)]
        await asyncio.gather(*(_started(runtime) for runtime in runtimes))

    async def stop_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Stop agents, all of them without `ids`; unknown ids are ignored."""
        wanted = ids if ids is not None else list(self._runtimes)
        await asyncio.gather(*(self._runtimes[each].stop() for each in wanted if each in self._runtimes))

    def get_agent(self, agent_id: UUID) -> AgentRuntime | None:
        """The registered runtime of this id, or None."""
        return self._runtimes.get(agent_id)

    def get_agents(self) -> list[AgentRuntime]:
        """Every registered runtime, in the order they were added."""
        return list(self._runtimes.values())

    def _registered(self, agent_id: UUID) -> AgentRuntime:
        if agent_id not in self._runtimes:
            raise AgentNotFound(f"no agent {agent_id} is registered; there are {len(self._runtimes)} agents")
        return self._runtimes[agent_id]

    async def handle_message(
        self,
        target: UUID | AgentRuntime,
        message: AnyMemory,
        *,
        on_response: Callable[..., Awaitable[Any]] | None = None,
        on_stream_chunk: Callable[..., Awaitable[Any]] | None = None,
        max_retries: int | None = None,
        timeout_s: float | None = None,
        may_join_room: bool = True,
    ) -> HandledMessage:
        """Send a message to an agent and wait for what comes of it.

        Args:
            target: A registered agent's id, or a runtime.
            message: A `Memory`, or a dict of its fields; `id`, `agent_id` and `created_at` are filled in.
            on_response: Awaited with every content as it comes.
            on_stream_chunk: Awaited with `(piece, response_id)` as the model writes.
            max_retries: Further rounds of model calls after a retryable failure.
            timeout_s: Bounds the whole turn.
            may_join_room: False refuses a room that another agent opened (`RoomOfAnotherAgent`).

        Raises:
            AgentNotFound: No agent of that id is registered.
            MayflyError: As `Pipeline.handle_message`.
        """
        runtime = target if isinstance(target, AgentRuntime) else self._registered(target)
        given = runtime.as_message(message)
        filled = replace(given, agent_id=runtime.agent_id, created_at=given.created_at or datetime.now(UTC))
        processing = await runtime.message_service.handle_message(
            runtime,
            replace(filled, created_at=given.created_at),
            on_response,
            options=TurnOptions(
                on_delta=on_stream_chunk, max_retries=max_retries, timeout_s=timeout_s, may_join=may_join_room
            ),
        )
        return HandledMessage(message_id=filled.id, user_message=filled, processing=processing)


_CONFIG_FIELDS = tuple(each.name for each in fields(AgentConfig))


def coerce_agent(value: AnyAgent) -> AgentConfig:
    """Take an agent as it is, or build it from a dict; the caller's dict and lists stay as they are.

    Raises:
        InvalidInput: The character is missing, or a field is unknown.
    """
    if isinstance(value, AgentConfig):
        return value
    if unknown := value.keys() - set(_CONFIG_FIELDS):
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_CONFIG_FIELDS)}", path="agent")
    if "character" not in value:
        raise InvalidInput("is required", path="agent.character")
    character = value["character"]
    return AgentConfig(
        character=load_character(character) if isinstance(character, Path) else coerce_character(character),
        plugins=tuple(value.get("plugins") or ()),
        settings=value.get("settings"),
        init=value.get("init"),
        database_adapter=value.get("database_adapter"),
    )


async def _initialized(runtime: AgentRuntime, config: AgentConfig, *, skip_migrations: bool) -> None:
    await runtime.initialize(skip_migrations=skip_migrations)
    if config.init is not None:
        await config.init(*accepted(config.init, (runtime,)))


async def _started(runtime: AgentRuntime) -> None:
    await runtime.initialize(skip_migrations=True)
    await runtime.start_services()
