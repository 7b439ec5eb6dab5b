"""The part of a deployment that the readers of the queues need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar
from uuid import UUID

from runtime_core.domain.message_request import MessageRequest
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.plugin_api import Context
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings

T = TypeVar("T")


class EphemeralRuntime(Context, Protocol):
    """A runtime for one piece of work."""

    async def stop(self) -> None:
        """Wait for background work, then close the runtime."""


class HostedAgent(Protocol):
    """One agent of the host."""

    @property
    def agent_id(self) -> UUID: ...

    def declares_model(self, model_type: str) -> bool:
        """Return whether a plugin declares a model of this type.

        The call starts no runtime.
        """


class AgentHost(Protocol):
    """The agents that run here, and what they share."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> DatabaseAdapter: ...
    @property
    def agents(self) -> Sequence[HostedAgent]: ...

    def runs(self, agent_id: UUID) -> bool:
        """Return whether an agent of this id runs here."""

    def agent_id(self, name_or_id: str | None) -> UUID:
        """Return the id of an agent; None selects the first agent.

        Raises:
            AgentNotFound: No agent of this name or id runs here.
        """

    async def runtime(self, agent_id: UUID) -> EphemeralRuntime:
        """Make an ephemeral runtime of an agent and initialize it."""

    async def answer(self, request: MessageRequest) -> MessageProcessingResult:
        """Process one message.

        Raises:
            MayflyError: The message was not answered.
        """

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open a resource once for all runtimes."""
