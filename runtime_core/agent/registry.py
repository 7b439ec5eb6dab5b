"""Component registry of an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from runtime_core.errors import DuplicateComponent, ModelNotFound
from runtime_core.plugin_api import (
    Action,
    Evaluator,
    EventHandler,
    ModelHandler,
    Plugin,
    Provider,
    Route,
    SendHandler,
    Service,
    TaskWorker,
)

N = TypeVar("N", Action, Provider, Evaluator)


class Registry:
    """Components by kind.

    Every runtime works on its own layer. Values are tuples, so that a layer shares them with its source.
    """

    __slots__ = (
        "actions",
        "evaluators",
        "events",
        "models",
        "plugins",
        "providers",
        "providers_in_order",
        "routes",
        "send_handlers",
        "services",
        "task_workers",
    )

    def __init__(self) -> None:
        self.plugins: tuple[Plugin, ...] = ()
        self.actions: tuple[Action, ...] = ()
        self.providers: tuple[Provider, ...] = ()
        self.providers_in_order: tuple[Provider, ...] = ()
        self.evaluators: tuple[Evaluator, ...] = ()
        self.routes: tuple[tuple[str, Route], ...] = ()
        self.services: tuple[type[Service], ...] = ()
        self.models: dict[str, tuple[ModelHandler, ...]] = {}
        self.events: dict[str, tuple[EventHandler, ...]] = {}
        self.send_handlers: dict[str, SendHandler] = {}
        self.task_workers: dict[str, TaskWorker] = {}

    def layer(self) -> Registry:
        """Return an independent copy of this registry."""
        layer = Registry.__new__(Registry)
        layer.plugins, layer.actions, layer.evaluators = self.plugins, self.actions, self.evaluators
        layer.providers, layer.providers_in_order = self.providers, self.providers_in_order
        layer.routes, layer.services = self.routes, self.services
        layer.models, layer.events = dict(self.models), dict(self.events)
        layer.send_handlers, layer.task_workers = dict(self.send_handlers), dict(self.task_workers)
        return layer

    def add_plugin(self, plugin: Plugin) -> None:
        """Add a plugin and its components.

        Raises:
            DuplicateComponent: The plugin, or a component of the same name, is already registered.
        """
        if any(each.name == plugin.name for each in self.plugins):
            raise DuplicateComponent(f"plugin {plugin.name!r} is registered twice: remove one of the two")
        self.plugins = (*self.plugins, plugin)
        for action in plugin.actions:
            self.add_action(action)
        for provider in plugin.providers:
            self.add_provider(provider)
        for evaluator in plugin.evaluators:
            self.add_evaluator(evaluator)
        for service in plugin.services:
            self.add_service(service)
        for handler in _model_handlers(plugin):
            self.add_model(handler)
        for event_type, listeners in plugin.events.items():
            for listener in listeners:
                self.add_listener(event_type, listener)
        self.routes = (*self.routes, *((plugin.name, route) for route in plugin.routes))

    def add_action(self, action: Action) -> None:
        """Add an action.

        Raises:
            DuplicateComponent: Its name is taken.
        """
        self._refuse_duplicate(self.actions, action, lambda plugin: plugin.actions)
        self.actions = (*self.actions, action)

    def add_provider(self, provider: Provider) -> None:
        """Add a provider.

        Raises:
            DuplicateComponent: Its name is taken.
        """
        self._refuse_duplicate(self.providers, provider, lambda plugin: plugin.providers)
        self.providers = (*self.providers, provider)
        self.providers_in_order = tuple(sorted(self.providers, key=lambda each: each.position))

    def add_evaluator(self, evaluator: Evaluator) -> None:
        """Add an evaluator.

        Raises:
            DuplicateComponent: Its name is taken.
        """
        self._refuse_duplicate(self.evaluators, evaluator, lambda plugin: plugin.evaluators)
        self.evaluators = (*self.evaluators, evaluator)

    def add_service(self, service: type[Service]) -> None:
        """Add a service to be started.

        Raises:
            DuplicateComponent: Its type and name are taken.
        """
        if any(service_key(each) == service_key(service) for each in self.services):
            raise duplicate(
                "service", service_name(service), self.plugins, lambda plugin: map(service_name, plugin.services)
            )
        self.services = (*self.services, service)

    def add_model(self, handler: ModelHandler) -> None:
        """Add a model handler.

        Handlers are ordered by priority, highest first, then by registration.

        Raises:
            DuplicateComponent: The provider already has a handler of this type.
        """
        model_type = str(handler.type)
        handlers = self.models.get(model_type, ())
        if any(each.provider == handler.provider for each in handlers):
            raise DuplicateComponent(
                f"model {handler.type} of provider {handler.provider!r} is registered twice; use another provider name"
            )
        self.models[model_type] = tuple(sorted((*handlers, handler), key=lambda each: -each.priority))

    def add_listener(self, event_type: str, listener: EventHandler) -> None:
        """Add a listener to an event."""
        self.events[str(event_type)] = (*self.events.get(str(event_type), ()), listener)

    def remove_listener(self, event_type: str, listener: EventHandler) -> None:
        """Remove a listener; an unknown one is ignored."""
        listeners = [*self.events.get(str(event_type), ())]
        if listener in listeners:
            listeners.remove(listener)
            self.events[str(event_type)] = tuple(listeners)

    def add_send_handler(self, source: str, handler: SendHandler) -> None:
        """Add a source's send handler.

        Raises:
            DuplicateComponent: The source has one.
        """
        if source in self.send_handlers:
            raise DuplicateComponent(f"send handler {source!r} is registered twice: a source has one handler")
        self.send_handlers[source] = handler

    def add_task_worker(self, worker: TaskWorker) -> None:
        """Add a task worker.

        Raises:
            DuplicateComponent: Its name is taken.
        """
        if worker.name in self.task_workers:
            raise DuplicateComponent(f"task worker {worker.name!r} is registered twice: a task's name has one worker")
        self.task_workers[worker.name] = worker

    def model_handlers(self, model_type: str, provider: str | None = None) -> Sequence[ModelHandler]:
        """Return the handlers to try, in order.

        Raises:
            ModelNotFound: No handler of this type or provider is registered; lists the registered ones.
        """
        registered = self.models.get(model_type, ())
        if not registered:
            known = ", ".join(sorted(self.models)) or "none"
            raise ModelNotFound(
                f"no plugin answers {model_type}; registered model types: {known}. Add a model plugin, "
                "or set OPENAI_API_KEY"
            )
        if provider is None:
            return registered
        chosen = [each for each in registered if each.provider == provider]
        if not chosen:
            providers = ", ".join(each.provider for each in registered)
            raise ModelNotFound(f"no provider {provider!r} answers {model_type}; registered providers: {providers}")
        return chosen

    def model(self, model_type: str, provider: str | None = None) -> ModelHandler | None:
        """Return the first handler to try.

        Returns:
            None if no handler is registered.
        """
        registered = self.models.get(model_type, ())
        return next((each for each in registered if provider in (None, each.provider)), None)

    def _refuse_duplicate(self, known: Sequence[N], component: N, brings: Callable[[Plugin], Sequence[N]]) -> None:
        if any(each.name == component.name for each in known):
            kind = type(component).__name__.lower()
            raise duplicate(kind, component.name, self.plugins, lambda plugin: [each.name for each in brings(plugin)])


def _model_handlers(plugin: Plugin) -> Iterable[ModelHandler]:
    for model_type, handler in plugin.models.items():
        yield ModelHandler(
            type=str(model_type),
            handler=handler,
            provider=plugin.name,
            priority=plugin.model_priority,
            embedding_space=plugin.embedding_space,
        )


def service_key(kind: type[Service]) -> tuple[str, str]:
    """Return the type and name that identify a service."""
    return str(kind.service_type), kind.name or kind.__name__


def service_name(kind: type[Service]) -> str:
    """Return a service's type and name as `type/name`."""
    return "/".join(service_key(kind))


def duplicate(
    kind: str, name: str, plugins: Sequence[Plugin], brings: Callable[[Plugin], Iterable[str]]
) -> DuplicateComponent:
    """Return the error for a taken name.

    It names the plugins and the remedy.

    Args:
        plugins: The registered plugins, including the one that failed.
        brings: Returns a plugin's component names of this kind.
    """
    owners = [plugin.name for plugin in plugins for each in brings(plugin) if each == name]
    remedy = f"rename one of the two {kind}s"
    if not owners:
        return DuplicateComponent(f"{kind} {name!r} is registered twice: {remedy}")
    first, *others = owners
    if not others:
        return DuplicateComponent(f"{kind} {name!r} is registered twice, once by plugin {first!r}: {remedy}")
    if others[0] == first:
        return DuplicateComponent(f"{kind} {name!r} is registered twice by plugin {first!r}: list it once")
    return DuplicateComponent(
        f"{kind} {name!r} is registered twice, by plugin {first!r} and by plugin {others[0]!r}: "
        f"remove one of the two plugins, or {remedy}"
    )
