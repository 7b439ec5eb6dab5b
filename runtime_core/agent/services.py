"""Services: long-lived parts of a runtime, one for each type and name, started together and stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from runtime_core.agent.components import Plugin, duplicate
from runtime_core.errors import ServiceError, ServiceNotFound

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)


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
    """A long-lived part of a runtime; `start` opens what it needs, `stop` closes it.

    `capability` says in words for the model what the service lets the agent do; empty says nothing.
    """

    service_type: ClassVar[str]
    name: ClassVar[str] = ""
    capability: ClassVar[str] = ""

    @classmethod
    @abstractmethod
    async def start(cls, runtime: AgentRuntime) -> Service:
        """Open the service for one runtime."""

    @abstractmethod
    async def stop(self) -> None:
        """Close what `start` opened."""

    async def is_healthy(self) -> bool:
        """Whether the service can do its work now; one that depends on something outside asks it."""
        return True


class Services:
    """The services of one runtime."""

    def __init__(self) -> None:
        self._kinds: list[type[Service]] = []
        self._loading: dict[type[Service], asyncio.Future[Service]] = {}
        self._begun: set[type[Service]] = set()

    def copy(self) -> Services:
        """The same kinds of service, to be added to apart; none of them started."""
        copied = Services()
        copied._kinds = [*self._kinds]
        return copied

    def register(self, kind: type[Service], plugins: Sequence[Plugin] = ()) -> None:
        """Add a service to be started; `plugins` are those that may have brought it.

        Raises:
            DuplicateComponent: Its type and name are taken.
        """
        if any(_key(each) == _key(kind) for each in self._kinds):
            raise duplicate("service", _shown(kind), plugins, lambda each: map(_shown, each.services))
        self._kinds.append(kind)

    async def start(self, runtime: AgentRuntime) -> None:
        """Start every service that is not started, together; those that can, start, then the first failure is raised.

        Raises:
            ServiceError: Names the service that failed.
        """
        waiting = [kind for kind in self._kinds if kind not in self._begun]
        self._begun.update(waiting)
        failures = [
            failure
            for failure in await asyncio.gather(*(self._start(kind, runtime) for kind in waiting))
            if failure is not None
        ]
        if failures:
            raise failures[0]

    async def _start(self, kind: type[Service], runtime: AgentRuntime) -> ServiceError | None:
        future = self._future(kind)
        try:
            service = await kind.start(runtime)
        except Exception as error:  # noqa: BLE001 - whatever a plugin's service raises becomes one named error
            failure = ServiceError(f"service {_shown(kind)} did not start: {type(error).__name__}: {error}")
            failure.__cause__ = error
            future.set_exception(error)
            future.exception()  # read once, so that nobody asking for it later is no warning
            return failure
        future.set_result(service)
        return None

    async def stop(self) -> None:
        """Stop the started services, last first; all of them, even when one fails."""
        self._begun.clear()
        for kind in reversed(self._kinds):
            future = self._loading.pop(kind, None)
            if future is None or not future.done() or future.exception() is not None:
                continue
            try:
                await future.result().stop()
            except Exception:
                log.exception("service did not stop", extra={"service": _shown(kind)})

    def get(self, name: str) -> Any:
        """The started service of this type (the first registered) or name; None when there is none."""
        return next(iter(self.of_type(name)), None)

    def of_type(self, name: str) -> list[Any]:
        """The started services of this type or name, in the order of registration."""
        return [
            future.result()
            for kind in self._kinds
            if _answers_to(kind, name)
            and (future := self._loading.get(kind)) is not None
            and future.done()
            and future.exception() is None
        ]

    def all(self) -> dict[str, list[Any]]:
        """The started services by type."""
        return {name: started for name in self.types() if (started := self.of_type(name))}

    def types(self) -> list[str]:
        """Every registered type, started or not."""
        return list(dict.fromkeys(str(kind.service_type) for kind in self._kinds))

    def has(self, name: str) -> bool:
        """Whether a service of this type or name is registered."""
        return any(_answers_to(kind, name) for kind in self._kinds)

    def load(self, name: str) -> asyncio.Future[Service]:
        """What can be awaited until the service has started; raises what its start raised.

        Raises:
            ServiceNotFound: Nothing registers it.
        """
        kind = next((kind for kind in self._kinds if _answers_to(kind, name)), None)
        if kind is None:
            raise ServiceNotFound(
                f"no service {str(name)!r} is registered; there are {', '.join(self.types()) or 'none'}"
            )
        return asyncio.shield(self._future(kind))  # who gives up waiting does not end the start

    def _future(self, kind: type[Service]) -> asyncio.Future[Service]:
        if kind not in self._loading:
            self._loading[kind] = asyncio.get_running_loop().create_future()
        return self._loading[kind]


def _key(kind: type[Service]) -> tuple[str, str]:
    return str(kind.service_type), kind.name or kind.__name__


def _answers_to(kind: type[Service], name: str) -> bool:
    return name in {str(kind.service_type), kind.name, kind.__name__}


def _shown(kind: type[Service]) -> str:
    return "/".join(_key(kind))
