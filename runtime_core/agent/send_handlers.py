"""Message routing: what an agent sends on its own finds its way through the handler of the target's source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from uuid import UUID

from runtime_core.agent.components import accepted
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, coerce_content
from runtime_core.domain.values import coerce
from runtime_core.errors import DuplicateComponent, NoSendHandler

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

SendHandler: TypeAlias = Callable[..., Awaitable[Any]]
"""`(runtime, target, content)`: sends something to where the target says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """Where something is sent; which fields count is up to the source's handler.

    Attributes:
        source: The platform: whose send handler is asked.
        channel_id: The platform's own id of the place.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    source: str
    room_id: UUID | None = None
    channel_id: str | None = None
    server_id: str | None = None
    entity_id: UUID | None = None
    thread_id: str | None = None


class SendHandlers:
    """The send handlers of one runtime, by source."""

    def __init__(self) -> None:
        self._handlers: dict[str, SendHandler] = {}

    def copy(self) -> SendHandlers:
        """The same handlers, to be added to apart."""
        copied = SendHandlers()
        copied._handlers = {**self._handlers}
        return copied

    def sources(self) -> list[str]:
        """The sources that are served, by name."""
        return sorted(self._handlers)

    def register(self, source: str, handler: SendHandler) -> None:
        """Add a source's handler.

        Raises:
            DuplicateComponent: The source has one.
        """
        if source in self._handlers:
            raise DuplicateComponent(f"send handler {source!r} is registered twice: a source has one handler")
        self._handlers[source] = handler

    async def send(
        self, runtime: AgentRuntime, target: TargetInfo | Mapping[str, Any], content: Content | Mapping[str, Any]
    ) -> None:
        """Send content to a target, both also given as dicts; what the handler raises is the caller's.

        Raises:
            NoSendHandler: Nothing sends to the target's source; names those that are served.
            InvalidInput: Target or content is malformed.
        """
        where = coerce(TargetInfo, target, name="target")
        what = coerce_content(content)
        handler = self._handlers.get(where.source)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise NoSendHandler(f"no send handler for source {where.source!r}; registered: {known}")
        await handler(*accepted(handler, (runtime, where, what)))
