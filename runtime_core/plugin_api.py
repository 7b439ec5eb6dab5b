"""Plugin API: the parts of a plugin and its handlers' arguments.

A handler may take fewer arguments than it is offered: `async def handler(runtime, message)` is passed the first two.
The type of each handler is a union of the arities it may have, so a checker accepts the shorter forms and
rejects a handler whose parameters have other types.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from enum import StrEnum
from logging import Logger, LoggerAdapter
from typing import Any, ClassVar, Literal, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar, overload
from uuid import UUID

from runtime_core.domain.chat import ChatMessage, EmbeddingResponse, ModelType, TextResponse, ToolSpec
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.memory_query import RecallResult
from runtime_core.domain.routes import RouteRequest
from runtime_core.domain.routing import TargetInfo
from runtime_core.domain.run import ActionOptions, ActionResult, TurnContext
from runtime_core.domain.state import ProviderResult, State
from runtime_core.domain.task import Task
from runtime_core.ports import DatabaseAdapter, EmbeddingIntake
from runtime_core.settings import Settings
from runtime_core.verbs.memories import AnyMemory, MemoryVerbs
from runtime_core.verbs.records import RecordVerbs
from runtime_core.verbs.rooms import RoomVerbs

S = TypeVar("S", bound="Service")
T = TypeVar("T")

Json: TypeAlias = Mapping[str, Any]


class Components(Protocol):
    """The components of an agent, by kind."""

    @property
    def plugins(self) -> Sequence[Plugin]: ...
    @property
    def actions(self) -> Sequence[Action]: ...
    @property
    def providers(self) -> Sequence[Provider]: ...
    @property
    def evaluators(self) -> Sequence[Evaluator]: ...
    @property
    def routes(self) -> Sequence[tuple[str, Route]]: ...

    def providers_in_order(self) -> Sequence[Provider]:
        """Return the providers by position, then in the order of registration."""
        ...

    def task_worker(self, name: str) -> TaskWorker | None:
        """Return the worker of the tasks of this name.

        Returns:
            None if no worker has this name.
        """
        ...

    def task_worker_names(self) -> list[str]:
        """Return the task names that have a worker."""
        ...


class Registration(Protocol):
    """Registration of components and resources, for a plugin's `init`."""

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource that closes with the runtime."""
        ...

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open a resource once for all runtimes of the deployment."""
        ...

    def register_action(self, action: Action) -> None: ...
    def register_provider(self, provider: Provider) -> None: ...
    def register_evaluator(self, evaluator: Evaluator) -> None: ...
    def register_service(self, service: type[Service]) -> None: ...
    def register_event(self, event_type: str, handler: EventHandler) -> None: ...
    def register_send_handler(self, source: str, handler: SendHandler) -> None: ...
    def register_model(
        self, model_type: str, handler: ModelCallable, provider: str = "custom", priority: int = 0
    ) -> None: ...
    def register_task_worker(
        self, name: str | TaskWorker | Json, worker: TaskHandler | TaskWorker | Json | None = None
    ) -> None: ...


class AgentValues(Protocol):
    """The settings of an agent."""

    settings: Settings

    def get_setting(self, key: str, default: Any = None) -> Any:
        """Get a setting: the constructor's, the character's secrets, its settings, the environment's."""
        ...

    def set_setting(self, key: str, value: Any, secret: bool = False) -> None:
        """Set a value for this runtime; None removes it."""
        ...

    def redacted(self, text: str) -> str:
        """Return the text with every secret of this runtime masked."""
        ...

    def per_agent(self, key: object, make: Callable[[], T]) -> T:
        """Return a value that depends on the agent alone.

        It is made once, and again after the character changed.
        """
        ...

    def get_conversation_length(self) -> int:
        """Return how many earlier messages a state holds."""
        ...


class Models(Protocol):
    """The models of an agent, and the embedding of its memories."""

    @overload
    async def use_model(
        self,
        model_type: TextModelType,
        params: ChatParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> TextResponse: ...
    @overload
    async def use_model(
        self,
        model_type: TextModelType,
        params: PromptParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> str: ...
    @overload
    async def use_model(
        self,
        model_type: Literal[ModelType.TEXT_EMBEDDING],
        params: TextsParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> EmbeddingResponse: ...
    @overload
    async def use_model(
        self,
        model_type: Literal[ModelType.TEXT_EMBEDDING],
        params: TextParams | str,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> list[float]: ...
    @overload
    async def use_model(
        self, model_type: str, params: Any, provider: str | None = ..., *, max_retries: int | None = ...
    ) -> Any: ...

    async def generate_text(self, text: str, *, model_type: str = ModelType.TEXT_LARGE, **params: Any) -> str:
        """Ask a text model, with the agent's character as the system text."""
        ...

    def get_model(self, model_type: str, provider: str | None = None) -> ModelCallable | None:
        """Return the handler that is asked first; None if there is none."""
        ...

    def embedding_space(self) -> EmbeddingSpace | None:
        """Return the space of this agent's vectors; None without an embedding model."""
        ...

    async def queue_embedding_generation(self, memory: AnyMemory, priority: str = "normal") -> None:
        """Enqueue the embedding of a stored memory: `high`, `normal` or `low`."""
        ...

    @property
    def embedding_worker(self) -> EmbeddingIntake | None:
        """In-process embedding worker.

        None where a queue or the next sweep embeds.
        """
        ...

    @embedding_worker.setter
    def embedding_worker(self, worker: EmbeddingIntake | None) -> None: ...


class Services(Protocol):
    """The services of an agent."""

    @property
    def services(self) -> list[Service]: ...

    @overload
    def get_service(self, name: type[S]) -> S: ...
    @overload
    def get_service(self, name: str) -> Any: ...
    def get_services_by_type(self, service_type: str) -> list[Any]: ...
    def has_service(self, service_type: str) -> bool: ...
    def get_service_load_promise(self, service_type: str) -> Awaitable[Any]:
        """Return an awaitable that gives the service once it has started."""
        ...


class CurrentTurn(Protocol):
    """The turn or run that the current task is in."""

    async def compose_state(
        self,
        message: AnyMemory,
        include: Sequence[str] | None = None,
        only_include: bool = False,
        skip_cache: bool = False,
    ) -> State:
        """Run the providers on a message and merge their results in order."""
        ...

    def turn_context(self) -> TurnContext | None:
        """Return what the claim of the current message read.

        Returns:
            None outside a turn.
        """
        ...

    def get_action_results(self, message_id: UUID) -> list[ActionResult]:
        """Return the results of a message's actions in this turn.

        Returns:
            The results in the order in which the actions ran.
        """
        ...

    def active_contexts(self) -> tuple[str, ...]:
        """Return the contexts of the conversation; empty excludes nothing."""
        ...

    async def recalled(self, message: Memory) -> RecallResult:
        """Return the memories relevant to a message.

        Within a turn the search runs once.
        """
        ...

    def get_current_run_id(self) -> UUID:
        """Return the id of the current run.

        Outside of a run, the call starts one.
        """
        ...

    def start_run(self, room_id: UUID | None = None) -> UUID:
        """Start a run in the current task.

        The next message handled in this task takes the run's id.
        """
        ...

    def end_run(self) -> None:
        """End the current run."""
        ...


class Sending(Protocol):
    """Events for listeners, and content for targets."""

    async def emit(self, event_type: str, data: Any = None) -> None:
        """Call every listener of an event and wait for all.

        A failing listener is logged.
        """
        ...

    def on(self, event_type: str, handler: EventHandler) -> None: ...
    def off(self, event_type: str, handler: EventHandler) -> None: ...

    async def send_message_to_target(self, target: TargetInfo | Json, content: Content | Json) -> None:
        """Send content through the send handler of the target's source."""
        ...

    def send_sources(self) -> list[str]:
        """Return the sources that have a send handler, by name."""
        ...


class Context(
    MemoryVerbs,
    RecordVerbs,
    RoomVerbs,
    Components,
    Registration,
    AgentValues,
    Models,
    Services,
    CurrentTurn,
    Sending,
    Protocol,
):
    """Runtime as a handler sees it.

    It covers one agent, its database, and the current turn.
    """

    eliza_os: Orchestrator | None
    logger: LoggerAdapter[Logger]
    is_ephemeral: bool  # the runtime lives for one message of a deployment


class Orchestrator(Protocol):
    """The orchestrator of several agents, as one of them reaches the others."""

    def get_agent(self, agent_id: UUID) -> Context | None:
        """Return the agent of this id; None if it is not registered."""
        ...

    def get_agents(self) -> Sequence[Context]:
        """Return every registered agent."""
        ...

    def get_agent_by_name(self, name: str) -> Context | None:
        """Return the first agent of this name, ignoring case.

        Returns:
            None if no agent has this name.
        """
        ...

    async def start_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Start agents; all of them without `ids`."""
        ...

    async def stop_agents(self, ids: Sequence[UUID] | None = None) -> None:
        """Stop agents; all of them without `ids`."""
        ...

    async def handle_message(self, target: Any, message: AnyMemory) -> Any:
        """Send a message to an agent and wait for its answer.

        Args:
            target: The agent's id, or its runtime.
        """
        ...


TextModelType: TypeAlias = Literal[ModelType.TEXT_SMALL, ModelType.TEXT_LARGE]


class _Sampling(TypedDict):
    model: NotRequired[str]
    temperature: NotRequired[float]
    max_tokens: NotRequired[int]
    stop: NotRequired[Sequence[str]]
    stop_sequences: NotRequired[Sequence[str]]
    on_delta: NotRequired[Callable[[str], Awaitable[Any]]]
    frequency_penalty: NotRequired[float]
    presence_penalty: NotRequired[float]


class PromptParams(_Sampling):
    """Params of a text model called with one text.

    The model answers with text.
    """

    prompt: str
    system: NotRequired[str]


class ChatParams(_Sampling):
    """Params of a text model called with a conversation.

    The model answers with a `TextResponse`.
    """

    messages: Sequence[ChatMessage]
    tools: NotRequired[Sequence[ToolSpec]]


class TextParams(TypedDict):
    """Params of an embedding model that embeds one text."""

    text: str


class TextsParams(TypedDict):
    """Params of an embedding model that embeds a batch of texts."""

    texts: Sequence[str]


class Callback(Protocol):
    """Sends content to the user at once, from within an action."""

    async def __call__(self, content: Content | Json, /) -> Sequence[Memory]:
        """Send content; returns the memories that the turn will store."""
        ...


ActionAnswer: TypeAlias = ActionResult | Json | str | bool | None
ActionHandler: TypeAlias = (
    Callable[[Context, Memory, State, ActionOptions, Callback], Awaitable[ActionAnswer]]
    | Callable[[Context, Memory, State, ActionOptions], Awaitable[ActionAnswer]]
    | Callable[[Context, Memory, State], Awaitable[ActionAnswer]]
    | Callable[[Context, Memory], Awaitable[ActionAnswer]]
    | Callable[[Context], Awaitable[ActionAnswer]]
    | Callable[[], Awaitable[ActionAnswer]]
)
Validate: TypeAlias = (
    Callable[[Context, Memory, State], Awaitable[bool]]
    | Callable[[Context, Memory], Awaitable[bool]]
    | Callable[[Context], Awaitable[bool]]
    | Callable[[], Awaitable[bool]]
)
ProviderAnswer: TypeAlias = ProviderResult | Json | str | None
ProviderGet: TypeAlias = (
    Callable[[Context, Memory, State], Awaitable[ProviderAnswer]]
    | Callable[[Context, Memory], Awaitable[ProviderAnswer]]
    | Callable[[Context], Awaitable[ProviderAnswer]]
    | Callable[[], Awaitable[ProviderAnswer]]
)
EvaluatorHandler: TypeAlias = (
    Callable[[Context, Memory, State, Sequence[Memory]], Awaitable[ActionAnswer]]
    | Callable[[Context, Memory, State], Awaitable[ActionAnswer]]
    | Callable[[Context, Memory], Awaitable[ActionAnswer]]
    | Callable[[Context], Awaitable[ActionAnswer]]
    | Callable[[], Awaitable[ActionAnswer]]
)
ModelCallable: TypeAlias = (
    Callable[[Context, Any], Awaitable[Any]] | Callable[[Context], Awaitable[Any]] | Callable[[], Awaitable[Any]]
)
Init: TypeAlias = (
    Callable[[Json, Context], Awaitable[None]] | Callable[[Json], Awaitable[None]] | Callable[[], Awaitable[None]]
)
RouteHandler: TypeAlias = (
    Callable[[RouteRequest, Context], Awaitable[Any]]
    | Callable[[RouteRequest], Awaitable[Any]]
    | Callable[[], Awaitable[Any]]
)
AgentInit: TypeAlias = Callable[[Context], Awaitable[Any]] | Callable[[], Awaitable[Any]]
KeyCheck: TypeAlias = Callable[[Context], Awaitable[bool]] | Callable[[], Awaitable[bool]]
SendHandler: TypeAlias = (
    Callable[[Context, TargetInfo, Content], Awaitable[Any]]
    | Callable[[Context, TargetInfo], Awaitable[Any]]
    | Callable[[Context], Awaitable[Any]]
    | Callable[[], Awaitable[Any]]
)
EventHandler: TypeAlias = Callable[[Any], Awaitable[None] | None]
TaskHandler: TypeAlias = (
    Callable[[Context, Json, Task], Awaitable[Json | None]]
    | Callable[[Context, Json], Awaitable[Json | None]]
    | Callable[[Context], Awaitable[Json | None]]
    | Callable[[], Awaitable[Json | None]]
)
SpaceOf: TypeAlias = Callable[[Context], EmbeddingSpace]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionExample:
    """One line of an example conversation that shows when an action fits."""

    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something the agent can do; the model sees it as a tool.

    Attributes:
        name: Upper case with underscores; unique among an agent's actions.
        handler: `(runtime, message, state, options, callback)` → `ActionResult`, text, a dict of its
            fields, a bool, or None. `options.parameters` holds the model's arguments, checked
            against `parameters`; `await callback(content)` sends something to the user.
        validate: `(runtime, message, state)` → whether the action is possible now; None is always.
        similes: Other names the model may use.
        parameters: JSON schema of type object.
        roles: Roles of the sender of which one is needed; empty is anyone.
        contexts: Contexts of which one must be active; empty is any.
        ends_turn: The turn is over when this action succeeded: no further model call, no answer
            beyond what it sent.
        tool: Offered to models that call tools; those that only name actions in text see it either way.
        timeout_s: Most seconds it may run; the deadline bounds it too.
    """

    name: str
    description: str
    handler: ActionHandler
    validate: Validate | None = None
    similes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    examples: Sequence[Sequence[ActionExample]] = ()
    roles: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    ends_turn: bool = False
    tool: bool = True
    timeout_s: float | None = None


class PromptPlace(StrEnum):
    """Where the prompt puts what a provider gives."""

    CHARACTER = "character"  # its text opens the system message: stable, so that prompt caches work
    CONTEXT = "context"  # its text stands in the system message, marked as data
    # The memories in its `data["messages"]` become messages of their own, the texts in its `data["context"]` stand
    # with what other providers give as context.
    CONVERSATION = "conversation"
    TOOLS = "tools"  # the actions in its `data["actions"]` become tools; its text is for models without
    NOWHERE = "nowhere"  # only in the state


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Something the agent knows when it answers.

    Attributes:
        get: `(runtime, message, state)` → `ProviderResult`, or a dict of its fields, or text.
        position: Providers are merged in ascending order, then in the order of registration.
        dynamic: Only in the state when asked for by name.
        private: As `dynamic`, and not listed to the model.
        contexts: Contexts of which one must be active; empty is any.
        place: Where the prompt puts what it gives.
    """

    name: str
    get: ProviderGet
    description: str = ""
    position: int = 0
    dynamic: bool = False
    private: bool = False
    contexts: tuple[str, ...] = ()
    place: PromptPlace = PromptPlace.CONTEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Something the agent does with a turn after it answered.

    Attributes:
        handler: `(runtime, message, state, responses)` → `ActionResult` or None.
        validate: `(runtime, message, state)` → whether it is due; None is always.
        always_run: Also after turns without an answer.
    """

    name: str
    handler: EvaluatorHandler
    description: str = ""
    validate: Validate | None = None
    similes: tuple[str, ...] = ()
    always_run: bool = False
    examples: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An HTTP endpoint of a plugin, mounted under `/plugins/<plugin>/`."""

    type: str
    path: str
    handler: RouteHandler
    public: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHandler:
    """What answers one model type.

    Attributes:
        handler: `(runtime, params)` → the model type's result; for text types, params with
            `messages` want a `TextResponse`, params with only `prompt` want text.
        priority: Highest first, then in the order of registration.
        embedding_space: `(runtime)` → the `EmbeddingSpace` of an embedding handler's vectors.
    """

    type: str
    handler: ModelCallable
    provider: str
    priority: int = 0
    embedding_space: SpaceOf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWorker:
    """What does the tasks of one name.

    Attributes:
        execute: `(runtime, options, task)`; options are the task's metadata, or what was chosen. A dict it returns
            replaces the metadata of a repeating task.
        validate: `(runtime, message, state)` → whether a user may start it with a choice; None always may.
    """

    name: str
    execute: TaskHandler
    validate: Validate | None = None


class ServiceType(StrEnum):
    """The service types of elizaOS; any other text is a type too."""

    DATABASE = "DATABASE"
    EMBEDDING = "EMBEDDING"
    TASK = "TASK"
    MESSAGE = "MESSAGE"
    SPEECH = "SPEECH"
    TRANSCRIPTION = "TRANSCRIPTION"
    VIDEO = "VIDEO"
    BROWSER = "BROWSER"
    PDF = "PDF"
    WEB_SEARCH = "WEB_SEARCH"
    REMOTE_FILES = "REMOTE_FILES"


class Service(ABC):
    """Long-lived part of a runtime.

    `start` opens what the service needs, `stop` closes it. `capability` says in words for the model what the service
    lets the agent do; empty says nothing.
    """

    service_type: ClassVar[str]
    name: ClassVar[str] = ""
    capability: ClassVar[str] = ""

    @classmethod
    @abstractmethod
    async def start(cls, runtime: Context) -> Service:
        """Open the service for one runtime."""

    @abstractmethod
    async def stop(self) -> None:
        """Close what `start` opened."""

    async def is_healthy(self) -> bool:
        """Whether the service can do its work now.

        A service with an external dependency queries it.
        """
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A named bundle of components; data, not code that runs by itself.

    Attributes:
        init: `(config, runtime)`; called once for each runtime, after its dependencies'.
            `await runtime.enter(context_manager)` opens something that closes with the runtime.
        models: Handlers by model type; their provider is the plugin's name.
        events: Handlers by event type.
        dependencies: Names of plugins that must come first.
        priority: Lower loads first: databases -100, model providers -50, core 0, features 50, platforms 100.
        model_priority: Priority of `models`.
        embedding_space: `(runtime)` → the `EmbeddingSpace` of the vectors that TEXT_EMBEDDING gives.
        settings: Names of environment variables that `get_setting` may read for this plugin.
        check_key: `(runtime)` → whether the model provider accepts the key; raises when it cannot be asked.
        adapter: Opens the database when the runtime was given none: `(settings) → adapter`.
    """

    name: str
    description: str = ""
    init: Init | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    actions: tuple[Action, ...] = ()
    providers: tuple[Provider, ...] = ()
    evaluators: tuple[Evaluator, ...] = ()
    services: tuple[type[Service], ...] = ()
    models: Mapping[str, ModelCallable] = field(default_factory=dict[str, ModelCallable])
    model_priority: int = 0
    embedding_space: SpaceOf | None = None
    check_key: KeyCheck | None = None
    adapter: Callable[[Settings], DatabaseAdapter] | None = None
    routes: tuple[Route, ...] = ()
    events: Mapping[str, Sequence[EventHandler]] = field(default_factory=dict[str, Sequence[EventHandler]])
    dependencies: tuple[str, ...] = ()
    priority: int = 0
    settings: tuple[str, ...] = ()
    tests: tuple[Any, ...] = ()
