"""One message on its way to an agent: answered while the caller waits, or in the background with callbacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from runtime_core.agent.components import called
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import DeadlineExceeded
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.turn.pipeline import TurnOptions

log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivery:
    """A message, whom it goes to, and who hears of it.

    Attributes:
        on_content: Awaited with every content as it comes.
        on_error: Awaited with whatever failed.
        on_complete: Awaited last, whatever happened.
    """

    runtime: AgentRuntime
    message: Memory
    options: TurnOptions
    on_content: Callback | None = None
    on_error: Callback | None = None
    on_complete: Callback | None = None

    async def processed(self) -> MessageProcessingResult:
        """Process the message; a failure is told and raised."""
        try:
            return await self.runtime.message_service.handle_message(
                self.runtime, self.message, self.on_content, options=self.options
            )
        except asyncio.CancelledError as error:
            cancelled = DeadlineExceeded("the message was given up before it was answered")
            cancelled.__cause__ = error
            await self._told("on_error", self.on_error, cancelled)
            raise
        except Exception as error:
            await self._told("on_error", self.on_error, error)
            raise
        finally:
            await self._told("on_complete", self.on_complete)

    async def in_background(self) -> None:
        """Process the message where nobody waits: a failure that nobody listens to is logged."""
        try:
            await self.processed()
        except Exception:
            if self.on_error is None:
                log.exception("message not answered", extra={"message_id": str(self.message.id)})

    async def _told(self, name: str, callback: Callback | None, *arguments: Any) -> None:
        if callback is None:
            return
        try:
            await called(callback, arguments)
        except Exception:
            log.exception("callback failed", extra={"callback": name, "message_id": str(self.message.id)})
