"""Deployment: settings, agents, an open database and shared clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from runtime_core.agent.agent import Agent, agent_settings
from runtime_core.agent.agent_config import AgentConfig, AnyAgent, coerce_agent
from runtime_core.domain.character import Character
from runtime_core.domain.chat import OnDelta
from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid
from runtime_core.domain.memory import Content
from runtime_core.domain.message_request import MessageRequest
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.run import run_id_of
from runtime_core.errors import AgentError, AgentNotFound, MayflyError, SettingsError, told_as
from runtime_core.plugin_api import AgentInit
from runtime_core.ports import DatabaseAdapter, EmbeddingIntake
from runtime_core.queues.embedding.queueing import queue_url
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from runtime_core.support import background
from runtime_core.support.arguments import call
from runtime_core.support.shared import Shared
from runtime_core.turn.value import TurnOptions
from runtime_core.wiring import database_from

T = TypeVar("T")

log = logging.getLogger(__name__)

_DEFAULT_AGENTS = Settings.model_fields["agents"].default
_EXAMPLE = Path(__file__).with_name("ada.json")  # only in the wheel, which holds no `handlers` package


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Result of one readiness check.

    `detail` is the finding or the next step.
    """

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAgent:
    """Agent of the deployment.

    `init` is called with each of its runtimes.
    """

    agent: Agent
    database: DatabaseAdapter
    init: AgentInit | None = None

    @property
    def agent_id(self) -> UUID:
        return self.agent.id

    @property
    def character(self) -> Character:
        return self.agent.character

    def declares_model(self, model_type: str) -> bool:
        """Return whether a plugin declares a model of this type.

        The call starts no runtime.
        """
        return model_type in self.agent.registry.models


class Deployment:
    """Agents and shared resources that answer messages.

    Each message gets an ephemeral runtime; the database and the clients are opened once. `Deployment.open` opens and
    closes a deployment.
    """

    def __init__(
        self, settings: Settings, agents: Sequence[DeployedAgent], database: DatabaseAdapter, shared: Shared
    ) -> None:
        self.settings = settings
        self.database = database
        self.agents = tuple(agents)
        self._shared = shared
        self._ids = {agent.agent_id: agent for agent in self.agents}

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Deployment]:
        """Load the agents that `AGENTS` names, and prepare their shared resources.

        The first message connects to the model's server, and to a database that a deploy step migrates.

        Raises:
            SettingsError: `AGENTS`, `DATABASE_URL` or a model setting is invalid; names it.
            PluginError: A plugin is unknown or cannot be ordered.
        """
        async with AsyncExitStack() as stack:
            agents = load_agents(settings)
            database = database_from(settings)
            stack.push_async_callback(database.close)
            if database.migrates_on_open:
                await database.migrate()
            deployed = [_build_agent(agent, settings, database) for agent in agents]
            deployment = cls(settings, deployed, database, Shared(stack))
            try:
                yield deployment
            finally:
                await background.finished(deployment)

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open a resource once for the deployment and its runtimes.

        The deployment closes it.
        """
        return await self._shared.get(opens)

    @asynccontextmanager
    async def embedding(self) -> AsyncIterator[None]:
        """Embed queued and waiting memories in this process while open.

        For a long-running process. If an external queue is configured, its consumers embed instead.
        """
        if any(queue_url(self.settings, each) for each in Priority):
            yield
            return
        from runtime_core.queues.embedding.deliveries import runtime_of  # noqa: PLC0415 - not loaded by Lambda for an answer
        from runtime_core.queues.embedding.sweep import claim_unqueued  # noqa: PLC0415
        from runtime_core.queues.embedding.worker import EmbeddingWorker  # noqa: PLC0415

        worker = EmbeddingWorker(partial(runtime_of, self), refill=partial(claim_unqueued, self))
        self._shared.embedding_worker = worker
        running = asyncio.ensure_future(worker.run())
        try:
            yield
        finally:
            self._shared.embedding_worker = None
            await worker.close()
            await running

    @property
    def embedding_worker(self) -> EmbeddingIntake | None:
        """Embedding worker of this process; None outside of `embedding`."""
        return self._shared.embedding_worker

    def agent_id(self, name_or_id: str | None) -> UUID:
        """Return an agent's id by its name or id.

        Args:
            name_or_id: None is the first agent.

        Raises:
            AgentNotFound: No agent of this deployment has this name or id; lists the names.
        """
        if name_or_id is None:
            return self.agents[0].agent_id
        wanted = parse_uuid(name_or_id)
        for agent in self.agents:
            if agent.agent_id == wanted or agent.character.name.lower() == name_or_id.lower():
                return agent.agent_id
        names = ", ".join(agent.character.name for agent in self.agents)
        raise AgentNotFound(f"no agent {name_or_id!r} runs here; known: {names}")

    def runs(self, agent_id: UUID) -> bool:
        """Whether an agent with this id belongs to the deployment."""
        return agent_id in self._ids

    def character(self, agent_id: UUID) -> Character:
        """Return the character of one of this deployment's agents."""
        return self._ids[agent_id].character

    async def runtime(self, agent_id: UUID) -> AgentRuntime:
        """Create and initialize an ephemeral runtime of an agent, without I/O."""
        deployed = self._ids[agent_id]
        runtime = AgentRuntime.of(deployed.agent, deployed.database, self._shared)
        await runtime.initialize(skip_migrations=True)
        if deployed.init is not None:
            try:
                with told_as(AgentError, f"agent {deployed.character.name!r}: init"):
                    await call(deployed.init, (runtime,))
            except BaseException:
                await runtime.stop()
                raise
            await runtime.start_services()
        return runtime

    async def answer(
        self,
        request: MessageRequest,
        *,
        on_delta: OnDelta | None = None,
        on_content: Callable[[Content], Awaitable[Any]] | None = None,
    ) -> MessageProcessingResult:
        """Process one incoming message.

        Args:
            on_delta: Awaited with each piece of text as the model writes.
            on_content: Awaited with each content as it arrives.

        Raises:
            AgentNotFound: The request names an agent that does not run here.
            MayflyError: As `MessageService.handle_message`.
        """
        agent_id = self.agent_id(request.agent)
        message = request.memory(agent_id)
        options = TurnOptions(on_delta=on_delta, may_join=False, run_id=run_id_of(message))
        runtime = await self.runtime(agent_id)
        try:
            return await runtime.message_service.handle_message(runtime, message, on_content, options=options)
        finally:
            if background.is_under_way(runtime):  # evaluators: the answer does not wait for them
                background.start(runtime.stop(), name="runtime stop", owner=self)
            else:
                await runtime.stop()

    async def readiness(self) -> Mapping[str, Check]:
        """Check the database, its schema and the model."""
        checks: dict[str, Check] = {}
        try:
            version = await self.database.ping()
        except MayflyError as error:
            log.warning("database does not answer", extra={"error_code": error.code, "error": str(error)})
            checks["database"] = Check(ok=False, detail="does not answer; see the log for the cause")
            checks["schema"] = Check(ok=False, detail="unknown: the database did not answer")
        else:
            checks["database"] = Check(ok=True, detail="answers")
            needed = self.database.schema_version
            detail = f"version {version}" if version >= needed else f"version {version}, needs {needed}: mayfly migrate"
            checks["schema"] = Check(ok=version >= needed, detail=detail)
        checks["model"] = _model_check(self.agents[0])
        return checks


def load_agents(settings: Settings) -> list[AgentConfig]:
    """Load the agents that the setting `AGENTS` names.

    `AGENTS` has the form `module:attribute`; the attribute is a list of agents, or a function that returns one.

    Raises:
        SettingsError: `AGENTS` is malformed, cannot be imported or is no list of agents, or two agents have one id.
    """
    module, _, attribute = settings.agents.partition(":")
    try:
        value: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        if settings.agents == _DEFAULT_AGENTS and _EXAMPLE.exists() and find_spec("handlers") is None:
            return [coerce_agent({"character": _EXAMPLE})]
        raise SettingsError(
            f"AGENTS is {settings.agents!r}, expected module:attribute of a list of agents: {error}", name="AGENTS"
        ) from error
    found: Sequence[AnyAgent] = value() if callable(value) else value
    if not isinstance(found, list | tuple) or not found:
        given = "an empty list" if isinstance(found, list | tuple) else f"a {type(found).__name__}"
        raise SettingsError(f"AGENTS is {settings.agents!r}: expected a list of agents, got {given}", name="AGENTS")
    agents = [coerce_agent(each) for each in found]
    if settings.agent_id is not None:
        first = replace(agents[0], character=replace(agents[0].character, id=settings.agent_id))
        agents = [first, *agents[1:]]
    ids = [agent.agent_id for agent in agents]
    twice = [agent for index, agent in enumerate(agents) if agent.agent_id in ids[:index]]
    if twice:
        raise SettingsError(
            f"AGENTS is {settings.agents!r}: two agents have the id {twice[0].agent_id} ({twice[0].character.name}); "
            "give one of their characters another name or id",
            name="AGENTS",
        )
    return agents


def _build_agent(config: AgentConfig, settings: Settings, database: DatabaseAdapter) -> DeployedAgent:
    """Build an agent once, so that creating its runtimes needs no I/O."""
    known = agent_settings(config.character, config.settings or settings)
    return DeployedAgent(
        agent=Agent.build(config.character, config.plugins, known),
        database=config.database_adapter or database,
        init=config.init,
    )


def _model_check(deployed: DeployedAgent) -> Check:
    providers = [each.name for each in deployed.agent.plugins if each.models]
    return Check(ok=bool(providers), detail=f"answered by {', '.join(providers)}" if providers else "no model plugin")
