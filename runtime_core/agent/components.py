"""What plugins are made of: actions, providers, evaluators, routes, and the plugin itself.

Handlers may take fewer arguments than they are offered (`async def handler(runtime, message)`):
the leading ones are passed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeAlias

from runtime_core.agent.embedding_space import EmbeddingSpace
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.run import ActionResult
from runtime_core.errors import DuplicateComponent

if TYPE_CHECKING:
    from runtime_core.agent.services import Service
    from runtime_core.ports import DatabaseAdapter

Handler: TypeAlias = Callable[..., Awaitable[Any]]
SpaceOf: TypeAlias = Callable[[Any], EmbeddingSpace]


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
    handler: Handler
    validate: Handler | None = None
    similes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    examples: Sequence[Sequence[ActionExample]] = ()
    roles: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    ends_turn: bool = False
    tool: bool = True
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderResult:
    """What a provider adds to the state: `text` for the prompt, `values` for templates, `data` for code."""

    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


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
    get: Handler
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
    handler: Handler
    description: str = ""
    validate: Handler | None = None
    similes: tuple[str, ...] = ()
    always_run: bool = False
    examples: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An HTTP endpoint of a plugin, mounted under `/plugins/<plugin>/`."""

    type: str
    path: str
    handler: Handler
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
    handler: Handler
    provider: str
    priority: int = 0
    embedding_space: SpaceOf | None = None


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
    init: Handler | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    providers: tuple[Provider, ...] = ()
    evaluators: tuple[Evaluator, ...] = ()
    services: tuple[type[Service], ...] = ()
    models: Mapping[str, Handler] = field(default_factory=dict)
    model_priority: int = 0
    embedding_space: SpaceOf | None = None
    check_key: Handler | None = None
    adapter: Callable[[Any], DatabaseAdapter] | None = None
    routes: tuple[Route, ...] = ()
    events: Mapping[str, Sequence[Handler]] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    priority: int = 0
    settings: tuple[str, ...] = ()
    tests: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOptions:
    """What an action's handler gets beside message and state.

    Attributes:
        parameters: The model's arguments, checked and coerced.
        previous_results: Results of this turn's earlier actions, oldest first.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    previous_results: tuple[ActionResult, ...] = ()

    def get_previous_result(self, name: str) -> ActionResult | None:
        """The newest earlier result of the action with this name."""
        return next((each for each in reversed(self.previous_results) if each.action == name), None)


def duplicate(
    kind: str, name: str, plugins: Sequence[Plugin], brings: Callable[[Plugin], Iterable[str]]
) -> DuplicateComponent:
    """The error for a name that is taken; says who brings it, and what to do.

    Args:
        plugins: Those registered, the one that failed included.
        brings: The names that a plugin brings of this kind.
    """
    owners = [plugin.name for plugin in plugins for each in brings(plugin) if each == name]
    remedy = f"rename one of the two {kind}s"
    if not owners:
        return DuplicateComponent(f"{kind} {name!r} is registered twice: {remedy}")
    first, *others = owners
    if not others:
        return DuplicateComponent(f"{kind} {name!r} is registered twice, once by plugin {first!r}: {remedy}")
    if others[0] == first:
        return DuplicateComponent(f"{kind} {name!r} is registered twice by plugin {first!r}: list it there once")
    return DuplicateComponent(
        f"{kind} {name!r} is registered twice, by plugin {first!r} and by plugin {others[0]!r}: "
        f"leave one of the two plugins out, or {remedy}"
    )


def accepted(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The leading `arguments` that `handler` has positional parameters for."""
    places = _places(handler)
    return arguments if places is None else arguments[:places]


async def called(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a caller's own callback gives for those of the `arguments` it takes; a plain function will do, too."""
    given = handler(*accepted(handler, arguments))
    return await given if inspect.isawaitable(given) else given


def _places(handler: Callable[..., Any]) -> int | None:
    """How many positional parameters a handler has; None is any number.

    Functions and methods are read from their code, which takes a hundredth of the time of a signature: several
    handlers run in every turn.
    """
    if isinstance(handler, FunctionType):
        return None if handler.__code__.co_flags & inspect.CO_VARARGS else handler.__code__.co_argcount
    if isinstance(handler, MethodType) and isinstance(handler.__func__, FunctionType):
        places = _places(handler.__func__)
        return None if places is None else places - 1
    parameters = inspect.signature(handler).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)
