"""AgentRuntime, the reference's runtime.

It is a facade over an agent, a database and the current turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from logging import Logger, LoggerAdapter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from runtime_core.agent.agent import Agent, agent_settings, conversation_length_of
from runtime_core.agent.agent_settings import AgentSettings
from runtime_core.agent.plugin_loading import open_adapter
from runtime_core.agent.registry import Registry
from runtime_core.agent.services import Services
from runtime_core.domain.character import Character, coerce_character
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.records import Agent as AgentRecord
from runtime_core.domain.routes import RouteRequest, RouteResponse
from runtime_core.errors import StateError
from runtime_core.plugin_api import Orchestrator, Plugin
from runtime_core.ports import DatabaseAdapter
from runtime_core.rooms.audit import audit
from runtime_core.runtime.component_verbs import ComponentVerbs, ServiceVerbs
from runtime_core.runtime.logger import RuntimeLogger
from runtime_core.runtime.model_verbs import ModelVerbs
from runtime_core.runtime.plugin_routes import handle_route
from runtime_core.runtime.turn_verbs import TurnVerbs
from runtime_core.settings import Settings
from runtime_core.support import background
from runtime_core.support.scope import current_scope
from runtime_core.support.shared import Shared
from runtime_core.turn.message_service import MessageService, TurnService

if TYPE_CHECKING:
    from runtime_core.runtime.runtime_config import RuntimeConfig

T = TypeVar("T")


class AgentRuntime(ComponentVerbs, ServiceVerbs, ModelVerbs, TurnVerbs):
    """One agent at work.

    `initialize` opens, `stop` closes what `initialize` opened; `async with` does both. An adapter that was
    passed in is used as it is: never initialized, never closed. What plugins and callers register here is this
    runtime's alone: it works on a layer over the agent's components.
    """

    def __init__(
        self,
        *,
        character: Character | Mapping[str, Any],
        plugins: Sequence[Plugin | str] = (),
        agent_id: UUID | None = None,
        adapter: DatabaseAdapter | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
        conversation_length: int | None = None,
        shared: Shared | None = None,
    ) -> None:
        who = coerce_character(character)
        self._wanted = tuple(plugins)
        self._conversation_length = conversation_length
        self._set_up(who, agent_id or who.agent_id, agent_settings(who, settings), Registry(), adapter, shared)
        self._agent: Agent | None = None

    @classmethod
    def of(cls, agent: Agent, adapter: DatabaseAdapter, shared: Shared) -> Self:
        """Make a runtime of an agent that was built before.

        The call is cheap enough for each message.
        """
        runtime = cls.__new__(cls)
        runtime._set_up(agent.character, agent.id, agent.settings.layer(), agent.registry.layer(), adapter, shared)
        runtime._agent = agent
        runtime._made = agent.made
        runtime._conversation_length = None
        return runtime

    def _set_up(
        self,
        character: Character,
        agent_id: UUID,
        settings: AgentSettings,
        registry: Registry,
        adapter: DatabaseAdapter | None,
        shared: Shared | None,
    ) -> None:
        self.character = character
        self.agent_id = agent_id
        self.settings = settings.deployment
        self.message_service: MessageService = TurnService()
        self.eliza_os: Orchestrator | None = None
        self.is_ephemeral = shared is not None
        self._settings = settings
        self._made: dict[object, Any] = {}
        self._registry = registry
        self._services = Services(registry)
        self._given = adapter
        self._adapter = adapter
        self._stack = AsyncExitStack()
        self._shared = shared or Shared(self._stack)
        self._starting = asyncio.Lock()  # a second call waits for the first
        self._is_initialized = False
        self._initialized_at_s: float | None = None
        self.logger: LoggerAdapter[Logger] = RuntimeLogger(self._log_fields, settings.redacted)

    def __repr__(self) -> str:
        return f"AgentRuntime(character={self.character.name!r}, agent_id={str(self.agent_id)!r})"

    @classmethod
    def from_config(cls, config: RuntimeConfig | Mapping[str, Any], **more: Any) -> Self:
        """Make a runtime from a configuration.

        Args:
            config: The configuration object, or a dict of its fields.
            more: Keywords of the constructor.

        Raises:
            InvalidInput, InvalidCharacter: Says what is wrong, and where.
        """
        from runtime_core.runtime.runtime_config import read_runtime_config  # noqa: PLC0415 - its models cost a start

        return cls(**{**read_runtime_config(config).runtime_arguments(), **more})

    # Life

    async def initialize(self, *, skip_migrations: bool = False) -> None:
        """Load plugins, open the database, start services. A second call does nothing.

        Args:
            skip_migrations: The database is known to be ready: no DDL, no check, no query at all.

        Raises:
            PluginError, SettingsError, ServiceError, StoreError: The step that failed; what was opened is closed.
        """
        async with self._starting:
            if not self._is_initialized:
                await self._initialize(skip_migrations=skip_migrations)

    async def _initialize(self, *, skip_migrations: bool) -> None:
        self._is_initialized = True
        self._stack.callback(self._restore, self._registry, self.message_service)
        try:
            agent = self._agent or self._build()
            # Those registered before this call were initialized then; an agent that is built here holds them first.
            new = agent.plugins if self._agent else agent.plugins[len(self._registry.plugins) :]
            self._work_on(self._registry.layer() if self._agent else agent.registry.layer())
            await self._load(new)
            if not skip_migrations:
                await self.database.migrate()
                record = AgentRecord(id=self.agent_id, name=self.character.name)
                await self.database.records.insert(self.agent_id, [record], ignore_existing=True)
            await self._services.start(self)
        except BaseException:
            await self.stop()
            raise
        self._initialized_at_s = time.monotonic()

    def _build(self) -> Agent:
        agent = Agent.build(
            self.character, self._wanted, self._settings, agent_id=self.agent_id, registry=self._registry
        )
        for plugin in agent.plugins:
            self._settings.allow(plugin.settings)
        return agent

    async def _load(self, plugins: Sequence[Plugin]) -> None:
        if self._adapter is None:
            self._adapter = open_adapter(plugins, self.settings)
            self._stack.push_async_callback(self._adapter.close)
        for plugin in plugins:
            if plugin.init is not None:
                await self._init_plugin(plugin)

    async def stop(self) -> None:
        """Stop the runtime.

        It waits for background work, stops the services in reverse order of their start, then closes what plugins and
        the runtime opened. Registrations made since `initialize` are removed, so that `initialize` may be called again.
        """
        await background.finished(self)
        await self._services.stop()
        await self._stack.aclose()
        self._adapter = self._given
        self._is_initialized = False
        self._initialized_at_s = None

    def _restore(self, registry: Registry, message_service: MessageService) -> None:
        self._work_on(registry)
        self.message_service = message_service

    def _work_on(self, registry: Registry) -> None:
        self._registry = registry
        self._services = Services(registry)

    @property
    def uptime_s(self) -> float | None:
        """Seconds since `initialize`; None before it and after `stop`."""
        return None if self._initialized_at_s is None else time.monotonic() - self._initialized_at_s

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource that closes with the runtime; for a plugin's `init`."""
        return await self._stack.enter_async_context(resource)

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open a resource once for all runtimes of the deployment.

        Outside of a deployment it is opened for this runtime alone.
        """
        return await self._shared.get(opens)

    @property
    def database(self) -> DatabaseAdapter:
        """The open database.

        Raises:
            StateError: The runtime is not initialized.
        """
        if self._adapter is None:
            raise StateError("the runtime has no database now: await runtime.initialize() (or start_agents) first")
        return self._adapter

    # Settings

    def get_setting(self, key: str, default: Any = None) -> Any:
        """Get a setting: the constructor's, the character's secrets, its settings, the environment's.

        The text "true" becomes True, "false" becomes False.
        """
        return self._settings.get(key, default)

    def has_setting(self, key: str) -> bool:
        """Return whether a setting has a value.

        Zero, False and empty text are values.
        """
        return self._settings.get(key) is not None

    def set_setting(self, key: str, value: Any, secret: bool = False) -> None:
        """Set a value for this runtime.

        In a running runtime the audit trail records the change, without a secret's value.
        """
        self._settings.set(key, value, secret=secret)
        if self.uptime_s is not None:
            body = {"name": key, "secret": secret} if secret else {"name": key, "secret": secret, "value": value}
            background.start(audit(self, "setting.changed", body), name="audit", owner=self)

    def adopt(self, character: Character) -> None:
        """Continue with another character; `change_character` checks, stores and audits one."""
        self.character = character
        self._settings.adopt(character)
        self._made = {}

    def redacted(self, text: str) -> str:
        """Return the text with every secret of this runtime masked."""
        return self._settings.redacted(text)

    def per_agent(self, key: object, make: Callable[[], T]) -> T:
        """Return a value that depends on the agent alone.

        `make` is called once, and again when the character changes.
        """
        if key not in self._made:
            self._made[key] = make()
        value: T = self._made[key]
        return value

    def get_conversation_length(self) -> int:
        """Return how many earlier messages a state holds.

        Returns:
            The constructor's number, else the character's, else 32.
        """
        return conversation_length_of(self.character, self._conversation_length)

    async def handle_route(self, request: RouteRequest | Mapping[str, Any]) -> RouteResponse:
        """Answer a request to a plugin's route, as `/plugins/<plugin>/…` does over HTTP."""
        return await handle_route(self, request)

    def has_eliza_os(self) -> bool:
        """Return whether an `ElizaOS` orchestrates this runtime.

        If so, `eliza_os` reaches the other agents.
        """
        return self.eliza_os is not None

    @property
    def default_world_id(self) -> UUID:
        """The world of rooms that name none."""
        return string_to_uuid(f"{self.agent_id}:world")

    def _log_fields(self) -> Mapping[str, str]:
        scope = current_scope(self.agent_id)
        return {"agent_id": str(self.agent_id), **(scope.log_fields() if scope else {})}
