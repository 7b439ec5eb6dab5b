"""Delivery of one message to an agent, awaited or in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import DeadlineExceeded
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.support.arguments import call
from runtime_core.turn.value import TurnOptions

log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivery:
    """A message with its agent, options and callbacks.

    Attributes:
        on_content: Awaited with each content of the answer.
        on_error: Awaited with the error of a failure.
        on_complete: Awaited last, after success and failure.
    """

    runtime: AgentRuntime
    message: Memory
    options: TurnOptions
    on_content: Callback | None = None
    on_error: Callback | None = None
    on_complete: Callback | None = None

    async def process(self) -> MessageProcessingResult:
        """Process the message; on failure, call `on_error` and raise."""
        try:
            return await self.runtime.message_service.handle_message(
                self.runtime, self.message, self.on_content, options=self.options
            )
        except asyncio.CancelledError as error:
            cancelled = DeadlineExceeded("the message was cancelled before it was answered")
            cancelled.__cause__ = error
            await self._notify("on_error", self.on_error, cancelled)
            raise
        except Exception as error:
            await self._notify("on_error", self.on_error, error)
            raise
        finally:
            await self._notify("on_complete", self.on_complete)

    async def process_in_background(self) -> None:
        """Process the message in the background; without `on_error`, log a failure."""
        try:
            await self.process()
        except Exception:
            if self.on_error is None:
                log.exception("message failed", extra={"message_id": str(self.message.id)})

    async def _notify(self, name: str, callback: Callback | None, *arguments: Any) -> None:
        if callback is None:
            return
        try:
            await call(callback, arguments)
        except Exception:
            log.exception("callback failed", extra={"callback": name, "message_id": str(self.message.id)})
