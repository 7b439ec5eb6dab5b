"""Services of one runtime: started concurrently, stopped in reverse order."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TypeVar

from runtime_core.agent.registry import Registry, service_name
from runtime_core.errors import ServiceError, ServiceNotFound
from runtime_core.plugin_api import Context, Service

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Service)


class Services:
    """Registered and running services of one runtime."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._loading: dict[type[Service], asyncio.Future[Service]] = {}
        self._begun: set[type[Service]] = set()

    async def start(self, runtime: Context) -> None:
        """Start all services that are not started, concurrently.

        One failure does not cancel the other starts.

        Raises:
            ServiceError: The first failure, after all starts have ended; names the service.
        """
        waiting = [kind for kind in self._registry.services if kind not in self._begun]
        self._begun.update(waiting)
        failures = [
            failure
            for failure in await asyncio.gather(*(self._start(kind, runtime) for kind in waiting))
            if failure is not None
        ]
        if failures:
            raise failures[0]

    async def _start(self, kind: type[Service], runtime: Context) -> ServiceError | None:
        future = self._future(kind)
        try:
            service = await kind.start(runtime)
        except Exception as error:  # noqa: BLE001 - any error of a plugin's service becomes one named error
            failure = ServiceError(f"service {service_name(kind)} failed to start: {type(error).__name__}: {error}")
            failure.__cause__ = error
            future.set_exception(error)
            future.exception()  # retrieved once, or asyncio would warn about an unretrieved exception
            return failure
        future.set_result(service)
        return None

    async def stop(self) -> None:
        """Stop the started services in reverse order, and log those that fail."""
        self._begun.clear()
        for kind in reversed(self._registry.services):
            future = self._loading.pop(kind, None)
            if future is None or not future.done() or future.exception() is not None:
                continue
            try:
                await future.result().stop()
            except Exception:
                log.exception("service failed to stop", extra={"service": service_name(kind)})

    def instance(self, kind: type[S]) -> S:
        """Return the started service of a class.

        Raises:
            ServiceNotFound: No such service is registered, or it has not started.
        """
        for each in self._registry.services:
            future = self._loading.get(each)
            if each is kind and future is not None and future.done() and future.exception() is None:
                service = future.result()
                assert isinstance(service, kind)  # noqa: S101 - `start` is a constructor
                return service
        raise ServiceNotFound(f"no service {kind.__name__} is running; registered: {', '.join(self.types()) or 'none'}")

    def get(self, name: str) -> Any:
        """Return the first started service of this type or name.

        Returns:
            None if there is none.
        """
        return next(iter(self.of_type(name)), None)

    def of_type(self, name: str) -> list[Any]:
        """Return the started services of this type or name, in registration order."""
        return [
            future.result()
            for kind in self._registry.services
            if _answers_to(kind, name)
            and (future := self._loading.get(kind)) is not None
            and future.done()
            and future.exception() is None
        ]

    def started(self) -> list[Service]:
        """Return the started services, in the order of registration."""
        services = []
        for kind in self._registry.services:
            future = self._loading.get(kind)
            if future is not None and future.done() and future.exception() is None:
                services.append(future.result())
        return services

    def all(self) -> dict[str, list[Any]]:
        """Return the started services by type."""
        return {name: started for name in self.types() if (started := self.of_type(name))}

    def types(self) -> list[str]:
        """Return every registered type, started or not."""
        return list(dict.fromkeys(str(kind.service_type) for kind in self._registry.services))

    def has(self, name: str) -> bool:
        """Whether a service of this type or name is registered."""
        return any(_answers_to(kind, name) for kind in self._registry.services)

    def load(self, name: str) -> asyncio.Future[Service]:
        """Return a future of the service.

        The future is done when the service has started. Awaiting the future raises the error of a failed start.

        Raises:
            ServiceNotFound: No such service is registered.
        """
        kind = next((kind for kind in self._registry.services if _answers_to(kind, name)), None)
        if kind is None:
            raise ServiceNotFound(
                f"no service {str(name)!r} is registered; registered types: {', '.join(self.types()) or 'none'}"
            )
        return asyncio.shield(self._future(kind))  # a cancelled waiter must not cancel the start

    def _future(self, kind: type[Service]) -> asyncio.Future[Service]:
        if kind not in self._loading:
            self._loading[kind] = asyncio.get_running_loop().create_future()
        return self._loading[kind]


def _answers_to(kind: type[Service], name: object) -> bool:
    return name is kind or name in {str(kind.service_type), kind.name, kind.__name__}
