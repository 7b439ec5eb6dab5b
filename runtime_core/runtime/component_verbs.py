"""Verbs on components, events and services.

They register and find components, emit events, send content and start services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from runtime_core.agent.agent_settings import AgentSettings
from runtime_core.agent.listeners import call_listeners
from runtime_core.agent.registry import Registry
from runtime_core.agent.send_handlers import send_to_target
from runtime_core.agent.services import Services
from runtime_core.agent.task_workers import coerce_worker
from runtime_core.domain.memory import Content
from runtime_core.domain.routing import TargetInfo
from runtime_core.errors import PluginError, told_as
from runtime_core.plugin_api import (
    Action,
    Context,
    Evaluator,
    EventHandler,
    ModelCallable,
    ModelHandler,
    Plugin,
    Provider,
    Route,
    SendHandler,
    Service,
    TaskHandler,
    TaskWorker,
)
from runtime_core.support.arguments import call

S = TypeVar("S", bound=Service)


class ComponentVerbs(Context):
    """The components of a runtime: its agent's, and those registered here."""

    _registry: Registry
    _settings: AgentSettings

    @property
    def plugins(self) -> Sequence[Plugin]:
        """The plugins, in the order in which they loaded."""
        return self._registry.plugins

    @property
    def actions(self) -> Sequence[Action]:
        """The actions, in the order of registration."""
        return self._registry.actions

    @property
    def providers(self) -> Sequence[Provider]:
        """The providers, in the order of registration."""
        return self._registry.providers

    @property
    def evaluators(self) -> Sequence[Evaluator]:
        """The evaluators, in the order of registration."""
        return self._registry.evaluators

    @property
    def routes(self) -> Sequence[tuple[str, Route]]:
        """The routes, each with the name of its plugin."""
        return self._registry.routes

    def providers_in_order(self) -> Sequence[Provider]:
        """Return the providers by position, then in the order of registration."""
        return self._registry.providers_in_order

    async def register_plugin(self, plugin: Plugin) -> None:
        """Register a plugin's components, then call its `init`.

        Raises:
            DuplicateComponent: A component's name is taken.
            PluginError: `init` failed; names the plugin.
        """
        self._registry.add_plugin(plugin)
        self._settings.allow(plugin.settings)
        await self._init_plugin(plugin)

    async def _init_plugin(self, plugin: Plugin) -> None:
        if plugin.init is not None:
            with told_as(PluginError, f"plugin {plugin.name!r}: init"):
                await call(plugin.init, (plugin.config, self))

    def register_action(self, action: Action) -> None:
        """Register an action for this runtime."""
        self._registry.add_action(action)

    def register_provider(self, provider: Provider) -> None:
        """Register a provider for this runtime."""
        self._registry.add_provider(provider)

    def register_evaluator(self, evaluator: Evaluator) -> None:
        """Register an evaluator for this runtime."""
        self._registry.add_evaluator(evaluator)

    def register_service(self, service: type[Service]) -> None:
        """Register a service.

        It starts with the runtime, or with `start_services` in a running runtime.
        """
        self._registry.add_service(service)

    def register_model(
        self, model_type: str, handler: ModelCallable, provider: str = "custom", priority: int = 0
    ) -> None:
        """Register `handler(runtime, params)` for a model type."""
        self._registry.add_model(
            ModelHandler(type=str(model_type), handler=handler, provider=provider, priority=priority)
        )

    def register_event(self, event_type: str, handler: EventHandler) -> None:
        """Register a listener for an event."""
        self._registry.add_listener(event_type, handler)

    def register_send_handler(self, source: str, handler: SendHandler) -> None:
        """Register `handler(runtime, target, content)` for the targets of a source."""
        self._registry.add_send_handler(source, handler)

    def register_task_worker(
        self,
        name: str | TaskWorker | Mapping[str, Any],
        worker: TaskHandler | TaskWorker | Mapping[str, Any] | None = None,
    ) -> None:
        """Register the worker of a task name.

        The worker is a handler, a `TaskWorker`, or a dict of its fields.
        """
        self._registry.add_task_worker(coerce_worker(name, worker))

    def task_worker(self, name: str) -> TaskWorker | None:
        """Return the worker of the tasks of this name.

        Returns:
            None if no worker has this name.
        """
        return self._registry.task_workers.get(name)

    def task_worker_names(self) -> list[str]:
        """Return the task names with a worker, in registration order."""
        return list(self._registry.task_workers)

    async def send_message_to_target(
        self, target: TargetInfo | Mapping[str, Any], content: Content | Mapping[str, Any]
    ) -> None:
        """Send content through the send handler of the target's source.

        Raises:
            NoSendHandler: The source has no handler.
        """
        await send_to_target(self, self._registry.send_handlers, target, content)

    def send_sources(self) -> list[str]:
        """Return the sources that have a send handler, by name."""
        return sorted(self._registry.send_handlers)

    async def emit(self, event_type: str, data: Any = None) -> None:
        """Call every listener of an event and wait for all.

        A failing listener is logged.
        """
        if listeners := self._registry.events.get(event_type):
            await call_listeners(event_type, listeners, data)

    def on(self, event_type: str, handler: EventHandler) -> None:
        """Add a listener to an event."""
        self._registry.add_listener(event_type, handler)

    def off(self, event_type: str, handler: EventHandler) -> None:
        """Remove a listener; one that was never added is ignored."""
        self._registry.remove_listener(event_type, handler)


class ServiceVerbs(Context):
    """The services of a runtime."""

    _services: Services

    @property
    def services(self) -> list[Service]:
        """The started services."""
        return self._services.started()

    async def start_services(self) -> None:
        """Start the services that were registered after `initialize`."""
        await self._services.start(self)

    @overload
    def get_service(self, name: type[S]) -> S: ...
    @overload
    def get_service(self, name: str) -> Any: ...
    def get_service(self, name: str | type[S]) -> Any:
        """Get a started service by its class, type or name.

        Returns:
            For a class its instance; for a text the first match, None if there is none.

        Raises:
            ServiceNotFound: The class has no started service.
        """
        return self._services.get(name) if isinstance(name, str) else self._services.instance(name)

    def get_services_by_type(self, service_type: str) -> list[Any]:
        """Return the started services of a type or name.

        Returns:
            The services in the order of registration.
        """
        return self._services.of_type(service_type)

    def get_all_services(self) -> dict[str, list[Any]]:
        """Return the started services by type."""
        return self._services.all()

    def get_registered_service_types(self) -> list[str]:
        """Return every registered type, started or not."""
        return self._services.types()

    def has_service(self, service_type: str) -> bool:
        """Return whether a service of this type or name is registered."""
        return self._services.has(service_type)

    def get_service_load_promise(self, service_type: str) -> Any:
        """Return an awaitable that gives the service once it has started.

        Raises:
            ServiceNotFound: No service of this type is registered.
        """
        return self._services.load(service_type)
