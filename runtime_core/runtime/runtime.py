"""AgentRuntime: one agent at work. It holds the parts and offers the reference's verbs; the parts own the logic."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID, uuid4

from runtime_core.agent.agent_settings import RuntimeSettings
from runtime_core.agent.components import (
    Action,
    Evaluator,
    Handler,
    ModelHandler,
    Plugin,
    Provider,
    Route,
    accepted,
    duplicate,
)
from runtime_core.agent.default_plugins import default_plugins
from runtime_core.agent.embedding_space import EmbeddingSpace, embed_texts_in, space_of
from runtime_core.agent.events import EventHandler, Events, EventType
from runtime_core.agent.models import CallParams, ModelCall, ModelRegistry, ask
from runtime_core.agent.plugin_loading import open_adapter, resolve_plugins
from runtime_core.agent.send_handlers import SendHandler, SendHandlers, TargetInfo
from runtime_core.agent.services import Service, Services
from runtime_core.domain.character import Character, coerce_character
from runtime_core.domain.chat import EmbeddingResponse, ModelType, TextResponse
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.records import Agent
from runtime_core.domain.run import ActionResult, TurnContext
from runtime_core.errors import DuplicateComponent, InvalidInput, PluginError, StateError, told_as
from runtime_core.ports import DatabaseAdapter, Fetcher, JobQueue
from runtime_core.queues.embedding.job import Priority, as_priority
from runtime_core.queues.embedding.queueing import enqueue_embedding, enqueue_embeddings
from runtime_core.queues.task_work import TaskWorker, coerce_worker
from runtime_core.recall.recall_task import Recalled, Recollection, recall_mode
from runtime_core.rooms.audit import audit
from runtime_core.rooms.contexts import active_contexts
from runtime_core.rooms.roles import roles_held
from runtime_core.runtime.data_verbs import AnyMemory, DataVerbs
from runtime_core.runtime.logger import RuntimeLogger
from runtime_core.runtime.plugin_routes import RouteRequest, RouteResponse, handle_route
from runtime_core.settings import Settings
from runtime_core.support import background
from runtime_core.support.shared import Shared
from runtime_core.turn.evaluation import run_evaluators
from runtime_core.turn.pipeline import MessageService, OnContent, Pipeline
from runtime_core.turn.planning import ToolCallContext, execute_planned_tool_call, find_action, process_actions
from runtime_core.turn.scope import TurnScope, close_scope, current_scope, open_scope
from runtime_core.turn.should_respond import Rules
from runtime_core.turn.state import State, composed
from runtime_core.wiring import open_fetcher, queue_opener

if TYPE_CHECKING:
    from runtime_core.queues.embedding.worker import EmbeddingWorker
    from runtime_core.runtime.runtime_config import RuntimeConfig

log = logging.getLogger(__name__)

DEFAULT_CONVERSATION_LENGTH = 32
_EMPTY = State()
N = TypeVar("N", Action, Provider, Evaluator)
T = TypeVar("T")


class AgentRuntime(DataVerbs):
    """One agent at work: its character, its components, its database.

    `initialize` opens, `stop` closes what `initialize` opened; `async with` does both. A database adapter
    that was passed in is used as it is: never initialized, never closed.
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
        self.character = coerce_character(character)
        self.agent_id = agent_id or self.character.agent_id
        self.actions: list[Action] = []
        self.providers: list[Provider] = []
        self.evaluators: list[Evaluator] = []
        self.routes: list[tuple[str, Route]] = []
        self.plugins: list[Plugin] = []
        self.message_service: MessageService = Pipeline()
        self.eliza_os: Any = None
        self._wanted = tuple(plugins)
        self._lent_adapter = self._adapter = adapter
        self._conversation_length = conversation_length
        given = settings if isinstance(settings, Mapping) else {}
        self.settings = settings if isinstance(settings, Settings) else _deployment_settings(given)
        self._settings = RuntimeSettings(
            given=given, character=self.character, deployment=self.settings, environment=os.environ
        )
        self._events = Events()
        self._models = ModelRegistry()
        self._services = Services()
        self._send_handlers = SendHandlers()
        self._task_workers: dict[str, TaskWorker] = {}
        self._stack = AsyncExitStack()
        self._shared = shared or Shared(self._stack)
        self.stands_alone = shared is None  # of a deployment, it would live for one message
        self._initialized = False
        self._starting = asyncio.Lock()  # a second call waits for the first
        self._initialized_at_s: float | None = None
        self.logger = RuntimeLogger(self._log_fields, self._settings.redacted)

    def __repr__(self) -> str:
        return f"AgentRuntime(character={self.character.name!r}, agent_id={str(self.agent_id)!r})"

    @classmethod
    def from_config(cls, config: RuntimeConfig | Mapping[str, Any], **more: Any) -> Self:
        """Make a runtime from a configuration object, or a dict of its fields; `more` are constructor keywords.

        Raises:
            InvalidInput, InvalidCharacter: Says what is wrong, and where.
        """
        from runtime_core.runtime.runtime_config import read_runtime_config  # noqa: PLC0415 - its models cost a cold start

        return cls(**{**read_runtime_config(config).runtime_arguments(), **more})

    # Life

    async def initialize(self, *, skip_migrations: bool = False) -> None:
        """Load plugins, open the database, start services. A second call does nothing.

        Args:
            skip_migrations: The database is known to be ready: no DDL, no check, no query at all.

        Raises:
            PluginError, SettingsError, ServiceError, StoreError: Whatever failed; what was opened is closed again.
        """
        async with self._starting:
            if not self._initialized:
                await self._initialize(skip_migrations=skip_migrations)

    async def _initialize(self, *, skip_migrations: bool) -> None:
        self._initialized = True
        self._stack.callback(self._restorer())
        try:
            await self._load()
            if not skip_migrations:
                await self.database.migrate()
                agent = Agent(id=self.agent_id, name=self.character.name)
                await self.database.records.insert(self.agent_id, [agent], ignore_existing=True)
            await self._services.start(self)
        except BaseException:
            await self.stop()
            raise
        self._initialized_at_s = time.monotonic()

    async def _load(self) -> None:
        wanted = [*self._wanted, *self.character.plugins]
        plugins = resolve_plugins(wanted)
        plugins = resolve_plugins([*plugins, *default_plugins(plugins, self.get_setting, self.settings)])
        if self._adapter is None:
            self._adapter = open_adapter(plugins, self.settings)
            self._stack.push_async_callback(self._adapter.close)
        for plugin in plugins:
            await self.register_plugin(plugin)

    async def stop(self) -> None:
        """Wait for background work, stop services, last first, then close what plugins and the runtime opened.

        What was registered since `initialize` is taken back, so that `initialize` may be called again.
        """
        await background.finished(self)
        await self._services.stop()
        await self._stack.aclose()
        self._adapter = self._lent_adapter
        self._initialized = False
        self._initialized_at_s = None

    def _restorer(self) -> Callable[[], None]:
        """What takes back everything that is registered from now on."""
        actions, providers, evaluators = [*self.actions], [*self.providers], [*self.evaluators]
        plugins, routes, message_service = [*self.plugins], [*self.routes], self.message_service
        events, models, services = self._events.copy(), self._models.copy(), self._services.copy()
        send_handlers, task_workers = self._send_handlers.copy(), {**self._task_workers}

        def restore() -> None:
            self.actions, self.providers, self.evaluators = actions, providers, evaluators
            self.plugins, self.routes, self.message_service = plugins, routes, message_service
            self._events, self._models, self._services = events, models, services
            self._send_handlers, self._task_workers = send_handlers, task_workers

        return restore

    @property
    def uptime_s(self) -> float | None:
        """Seconds since `initialize`; None when it was not, or was stopped."""
        return None if self._initialized_at_s is None else time.monotonic() - self._initialized_at_s

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open something that closes with the runtime; for a plugin's `init`."""
        return await self._stack.enter_async_context(resource)

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open something once for every runtime of the deployment, or for this one where it stands alone."""
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

    # Components

    async def register_plugin(self, plugin: Plugin) -> None:
        """Register a plugin's components, then call its `init`.

        Raises:
            DuplicateComponent: A component's name is taken.
            PluginError: `init` failed; names the plugin.
        """
        if any(each.name == plugin.name for each in self.plugins):
            raise DuplicateComponent(f"plugin {plugin.name!r} is registered twice: leave one of the two out")
        self.plugins.append(plugin)
        self._settings.allow(plugin.settings)
        self._register_components(plugin)
        if plugin.init is not None:
            with told_as(PluginError, f"plugin {plugin.name!r}: init"):
                await plugin.init(*accepted(plugin.init, (plugin.config, self)))

    def _register_components(self, plugin: Plugin) -> None:
        for action in plugin.actions:
            self.register_action(action)
        for provider in plugin.providers:
            self.register_provider(provider)
        for evaluator in plugin.evaluators:
            self.register_evaluator(evaluator)
        for service in plugin.services:
            self.register_service(service)
        for model_type, handler in plugin.models.items():
            self._models.register(
                ModelHandler(
                    type=str(model_type),
                    handler=handler,
                    provider=plugin.name,
                    priority=plugin.model_priority,
                    embedding_space=plugin.embedding_space,
                )
            )
        for event_type, handlers in plugin.events.items():
            for listener in handlers:
                self.register_event(event_type, listener)
        self.routes.extend((plugin.name, route) for route in plugin.routes)

    def register_action(self, action: Action) -> None:
        _add(self.actions, action, self.plugins, lambda each: each.actions)

    def register_provider(self, provider: Provider) -> None:
        _add(self.providers, provider, self.plugins, lambda each: each.providers)

    def register_evaluator(self, evaluator: Evaluator) -> None:
        _add(self.evaluators, evaluator, self.plugins, lambda each: each.evaluators)

    def register_service(self, service: type[Service]) -> None:
        """Register a service; it starts with the runtime, or, in a running one, with `start_services`."""
        self._services.register(service, self.plugins)

    def register_model(self, model_type: str, handler: Handler, provider: str = "custom", priority: int = 0) -> None:
        """Let `handler(runtime, params)` answer a model type."""
        self._models.register(ModelHandler(type=str(model_type), handler=handler, provider=provider, priority=priority))

    def register_event(self, event_type: str, handler: EventHandler) -> None:
        self._events.on(event_type, handler)

    def register_send_handler(self, source: str, handler: SendHandler) -> None:
        """Let `handler(runtime, target, content)` send what is meant for a source."""
        self._send_handlers.register(source, handler)

    async def send_message_to_target(
        self, target: TargetInfo | Mapping[str, Any], content: Content | Mapping[str, Any]
    ) -> None:
        """Send content through the handler of the target's source; `NoSendHandler` when there is none."""
        await self._send_handlers.send(self, target, content)

    async def handle_route(self, request: RouteRequest | Mapping[str, Any]) -> RouteResponse:
        """Answer a request to a route of a plugin, as `/plugins/<plugin>/…` does over HTTP."""
        return await handle_route(self, request)

    def send_sources(self) -> list[str]:
        """The sources that something can be sent through, by name."""
        return self._send_handlers.sources()

    def register_task_worker(self, name: str | TaskWorker | Mapping[str, Any], worker: Any = None) -> None:
        """Let a worker (or an async function) do the tasks of this name; also a `TaskWorker` or a dict alone."""
        known = coerce_worker(name, worker)
        if known.name in self._task_workers:
            raise DuplicateComponent(f"task worker {known.name!r} is registered twice: a task's name has one worker")
        self._task_workers[known.name] = known

    def task_worker(self, name: str) -> TaskWorker | None:
        """Who does the tasks of this name, or None."""
        return self._task_workers.get(name)

    def task_worker_names(self) -> list[str]:
        """The names that tasks can have here, in the order of registration."""
        return list(self._task_workers)

    def providers_in_order(self) -> list[Provider]:
        """The providers by position, then in the order of registration."""
        return sorted(self.providers, key=lambda each: each.position)

    # Services

    @property
    def services(self) -> list[Any]:
        """The started services."""
        return [service for started in self._services.all().values() for service in started]

    async def start_services(self) -> None:
        """Start services that were registered after `initialize`."""
        await self._services.start(self)

    def get_service(self, name: str) -> Any:
        """The started service of this type or name, or None."""
        return self._services.get(name)

    def get_services_by_type(self, service_type: str) -> list[Any]:
        return self._services.of_type(service_type)

    def get_all_services(self) -> dict[str, list[Any]]:
        return self._services.all()

    def get_registered_service_types(self) -> list[str]:
        return self._services.types()

    def has_service(self, service_type: str) -> bool:
        return self._services.has(service_type)

    def get_service_load_promise(self, service_type: str) -> Any:
        """What can be awaited until the service has started.

        Raises:
            ServiceNotFound: Nothing registers it.
        """
        return self._services.load(service_type)

    # Settings

    def get_setting(self, key: str, default: Any = None) -> Any:
        """A setting: constructor's, character's secrets, character's settings, environment; "true" becomes True."""
        return self._settings.get(key, default)

    def has_setting(self, key: str) -> bool:
        """Whether a setting has a value; 0, False and empty text are values."""
        return self._settings.get(key) is not None

    def set_setting(self, key: str, value: Any, secret: bool = False) -> None:
        """Set a value for this runtime; in a running one the audit trail keeps the change, but no secret's value."""
        self._settings.set(key, value, secret=secret)
        if self.uptime_s is not None:
            body = {"name": key, "secret": secret} if secret else {"name": key, "secret": secret, "value": value}
            background.start(audit(self, "setting.changed", body), name="audit", owner=self)

    def adopt(self, character: Character) -> None:
        """Go on with another character; `change_character` checks, stores and audits one."""
        self.character = character
        self._settings.adopt(character)

    def redacted(self, text: str) -> str:
        """The text with every secret of this runtime masked."""
        return self._settings.redacted(text)

    def get_conversation_length(self) -> int:
        """How many earlier messages a state holds: the constructor's, the character's, else 32."""
        if self._conversation_length is not None:
            return self._conversation_length
        return int(self.character.settings.get("conversation_length", DEFAULT_CONVERSATION_LENGTH))

    def response_rules(self) -> Rules:
        """What widens the rules for answering unasked."""
        return Rules.read(self.get_setting)

    # Events

    async def emit(self, event_type: str, data: Any = None) -> None:
        """Tell every listener of an event and wait for them; a failing listener is logged."""
        await self._events.emit(event_type, data)

    def on(self, event_type: str, handler: EventHandler) -> None:
        self._events.on(event_type, handler)

    def off(self, event_type: str, handler: EventHandler) -> None:
        self._events.off(event_type, handler)

    # Models

    async def use_model(
        self, model_type: str, params: Any, provider: str | None = None, *, max_retries: int | None = None
    ) -> Any:
        """Ask a model: `{"prompt": …}` gives text, `{"messages": …}` a `TextResponse`, other types their own.

        Raises:
            ModelNotFound: No plugin answers this type, or not this provider.
            ModelError: Every handler failed; the last failure.
        """
        asked = CallParams.prepare(model_type, params, self.get_setting)
        return await ask(
            self._models.handlers(model_type, provider),
            lambda each: each.handler(*accepted(each.handler, (self, asked.params))),
            max_retries=self.settings.model_max_retries if max_retries is None else max_retries,
            record=self._record_model_call,
            repeatable=lambda: not asked.was_told,
        )

    async def _record_model_call(self, call: ModelCall) -> None:
        if (scope := current_scope(self.agent_id)) is not None:
            scope.calls.append(call)
        await self.emit(EventType.MODEL_USED, {"runtime": self, "run_id": self._run_id(), "call": call})

    def get_model(self, model_type: str, provider: str | None = None) -> Handler | None:
        """The handler that would be asked first, or None."""
        found = self._models.get(model_type, provider)
        return found.handler if found else None

    async def generate_text(self, text: str, *, model_type: str = ModelType.TEXT_LARGE, **params: Any) -> str:
        """Ask a text model in the agent's voice: its character is the system text."""
        character = await self._character_text()
        answer = await self.use_model(model_type, {"prompt": text, "system": character, **params})
        return answer.text if isinstance(answer, TextResponse) else str(answer)

    async def _character_text(self) -> str:
        asked = self.as_message({"room_id": self.default_world_id, "content": {"text": ""}})
        state = await self.compose_state(asked, ["CHARACTER"], only_include=True)
        return state.text

    @property
    def embeds(self) -> bool:
        """Whether a model makes embeddings here."""
        return self._models.get(ModelType.TEXT_EMBEDDING) is not None

    def embedding_space(self) -> EmbeddingSpace | None:
        """Where the vectors of this agent lie: the first embedding handler's model; None without one.

        A handler that does not tell goes by EMBEDDING_MODEL, as the deployment or the agent sets it.
        """
        found = self._models.get(ModelType.TEXT_EMBEDDING)
        return space_of(found, self) if found else None

    def embedding_model(self) -> str:
        space = self.embedding_space()
        return space.model if space else ""

    async def embed(self, texts: Sequence[str], *, max_retries: int | None = None) -> EmbeddingResponse:
        """Embed texts, none of them blank, with the one model whose vectors this agent keeps.

        Raises:
            ModelNotFound: No plugin embeds here.
            ModelError, DimensionMismatch: As `embed_texts_in`.
        """
        space = self.embedding_space()
        if space is None:
            self._models.handlers(ModelType.TEXT_EMBEDDING)  # raises, and says which model types there are
        assert space is not None  # noqa: S101 - there is a handler
        return await embed_texts_in(space, self, texts, max_retries=max_retries)

    async def recalled(self, message: Memory) -> Recalled:
        """What a message brings to mind; in its turn, looked for once and beside everything else.

        Raises:
            StoreError: The search failed.
        """
        scope = self._scope(message.room_id)
        if scope.recollection is None or scope.recollection.message_id != message.id:
            scope.recollection = Recollection(self, message, recall_mode(self))
        return await scope.recollection.get()

    @property
    def embedding_worker(self) -> EmbeddingWorker | None:
        """Embeds in this process what is queued; None where a queue outside, or the next sweep, has to do."""
        return self._shared.embedding_worker

    @embedding_worker.setter
    def embedding_worker(self, worker: EmbeddingWorker | None) -> None:
        self._shared.embedding_worker = worker

    async def queue_embedding_generation(self, memory: AnyMemory, priority: str = "normal") -> None:
        """Let a stored memory be embedded in the background: `high`, `normal` or `low`; waits for no model.

        Raises:
            RecordNotFound: The memory was not stored.
            InvalidInput: The priority is none.
        """
        await enqueue_embedding(self, self._as_memory(memory), as_priority(priority))

    async def update_memory(self, memory: AnyMemory) -> None:
        """Replace content and metadata; where an embedding is wanted of the changed text, it is made in the background.

        Raises:
            RecordNotFound: The memory was not stored.
        """
        changed = self._as_memory(memory)
        await super().update_memory(changed)
        await enqueue_embeddings(self, [changed], Priority.NORMAL)

    async def add_embedding_to_memory(self, memory: AnyMemory) -> Memory:
        """Embed a stored memory now; one without text is left as it is.

        Returns:
            The memory with its embedding.

        Raises:
            RecordNotFound: The memory was not stored.
            ModelNotFound: No plugin embeds here.
            ModelError: The model failed, or refused the text.
        """
        from runtime_core.queues.embedding.worker import embed_now  # noqa: PLC0415 - the pipeline has no place on a cold start

        return await embed_now(self, self._as_memory(memory))

    # State

    async def compose_state(
        self,
        message: AnyMemory,
        include: Sequence[str] | None = None,
        only_include: bool = False,
        skip_cache: bool = False,
    ) -> State:
        """What the providers know about a message, in order.

        Args:
            include: Names of further providers, dynamic and private ones too.
            only_include: Those alone.
            skip_cache: Run the providers again; otherwise a second call in the same turn gives the same state.

        Raises:
            StateError: A name in `include` is no provider's.
        """
        if isinstance(include, str | State):
            raise InvalidInput(f"expected names of providers, got a {type(include).__name__}", path="include")
        asked = self.as_message(message)
        names = frozenset(include or ())
        scope, key = self._scope(asked.room_id), (asked.id, names, only_include)
        if skip_cache or key not in scope.states:
            scope.keep_state(key, await composed(self, asked, names, only_include=only_include))
        return scope.states[key]

    # Actions and evaluators

    async def process_actions(
        self,
        message: AnyMemory,
        responses: Sequence[AnyMemory],
        state: State | None = None,
        callback: OnContent | None = None,
    ) -> list[ActionResult]:
        """Run the actions that the responses name, in order; results are kept for `get_action_results`."""
        named = [name for each in responses for name in self.as_message(each).content.actions]
        return await process_actions(self, self.as_message(message), named, state=state, callback=callback)

    async def execute_planned_tool_call(
        self, ctx: ToolCallContext | Mapping[str, Any], call: Mapping[str, Any]
    ) -> ActionResult:
        """Run one action by name; never raises."""
        return await execute_planned_tool_call(self, ctx, call)

    def find_action(self, name: str) -> Action | None:
        """The action of this name or simile."""
        return find_action(self.actions, name)

    def get_action_results(self, message_id: UUID) -> list[ActionResult]:
        """Results of the actions run for a message in this turn or run, in order."""
        scope = current_scope(self.agent_id)
        return list(scope.results.get(message_id, ())) if scope else []

    def keep_action_result(self, message_id: UUID, result: ActionResult) -> None:
        """Keep a result for the actions after it, until the turn or run ends."""
        self._scope().add_result(message_id, result)

    def roles_of(self, message: Memory, context: TurnContext | None) -> tuple[str, ...]:
        """The sender's role and those it includes, as the world's metadata says."""
        return roles_held(context.world if context else None, message.entity_id)

    def active_contexts(self) -> tuple[str, ...]:
        """What the current conversation is about; empty leaves nothing out."""
        return active_contexts(self.turn_context(), self.get_setting("ACTIVE_CONTEXTS"))

    async def evaluate(
        self,
        message: AnyMemory,
        state: State | None = None,
        did_respond: bool = True,
        callback: OnContent | None = None,
        responses: Sequence[Memory] = (),
    ) -> list[Evaluator]:
        """Run the evaluators that are due, one after the other; a failing one is logged.

        Returns:
            Those that ran.
        """
        return await run_evaluators(
            self, self.as_message(message), state or _EMPTY, did_respond=did_respond, responses=responses
        )

    def fetcher(self) -> Fetcher:
        """What reads files from the web: public addresses, and those of `ATTACHMENT_NETWORKS`."""
        return open_fetcher(self.settings)

    async def work_queue(self) -> JobQueue | None:
        """Where work goes that no answer waits for (`WORK_QUEUE_URL`); None does it in this process."""
        url = self.settings.work_queue_url
        return await self.shared(queue_opener(url)) if url else None

    # Runs

    def create_run_id(self) -> UUID:
        return uuid4()

    def start_run(self, room_id: UUID | None = None) -> UUID:
        """Start a run in the current task; the next message handled inside takes its id."""
        return open_scope(self.agent_id, room_id=room_id).run_id

    def end_run(self) -> None:
        close_scope(self.agent_id)

    def get_current_run_id(self) -> UUID:
        """Id of the run this task is in; outside of one, a run is started."""
        return self._scope().run_id

    def turn_context(self) -> TurnContext | None:
        """What the store gave when the current message was claimed; None outside the pipeline."""
        scope = current_scope(self.agent_id)
        return scope.context if scope else None

    def turn(self) -> TurnScope | None:
        """The current message's turn, or None."""
        return current_scope(self.agent_id)

    def _run_id(self) -> UUID | None:
        scope = current_scope(self.agent_id)
        return scope.run_id if scope else None

    def _scope(self, room_id: UUID | None = None) -> TurnScope:
        """The scope this task is in; outside of one, a new one."""
        return current_scope(self.agent_id) or open_scope(self.agent_id, room_id=room_id)

    # Orchestrator

    def has_eliza_os(self) -> bool:
        """Whether an `ElizaOS` orchestrates this runtime; then `eliza_os` reaches the other agents."""
        return self.eliza_os is not None

    @property
    def default_world_id(self) -> UUID:
        """The world of rooms that name none."""
        return string_to_uuid(f"{self.agent_id}:world")

    def _log_fields(self) -> Mapping[str, str]:
        scope = current_scope(self.agent_id)
        return {"agent_id": str(self.agent_id), **(scope.log_fields() if scope else {})}


def _add(components: list[N], component: N, plugins: Sequence[Plugin], brings: Callable[[Plugin], Sequence[N]]) -> None:
    if any(each.name == component.name for each in components):
        kind = type(component).__name__.lower()
        raise duplicate(kind, component.name, plugins, lambda plugin: [each.name for each in brings(plugin)])
    components.append(component)


def _deployment_settings(given: Mapping[str, Any]) -> Settings:
    """The environment's settings, with those of the constructor that are deployment settings too."""
    overlay = {key: str(value) for key, value in given.items() if key.lower() in Settings.model_fields}
    return Settings.from_environment({**os.environ, **overlay})
