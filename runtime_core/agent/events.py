"""Events: what happens in a runtime, told to whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

EventHandler: TypeAlias = Callable[[Any], Awaitable[None] | None]


class EventType(StrEnum):
    """The events of elizaOS, by its names."""

    WORLD_JOINED = "WORLD_JOINED"
    WORLD_CONNECTED = "WORLD_CONNECTED"
    WORLD_LEFT = "WORLD_LEFT"
    ENTITY_JOINED = "ENTITY_JOINED"
    ENTITY_LEFT = "ENTITY_LEFT"
    ENTITY_UPDATED = "ENTITY_UPDATED"
    ROOM_JOINED = "ROOM_JOINED"
    ROOM_LEFT = "ROOM_LEFT"
    MESSAGE_RECEIVED = "MESSAGE_RECEIVED"
    MESSAGE_SENT = "MESSAGE_SENT"
    MESSAGE_DELETED = "MESSAGE_DELETED"
    CHANNEL_CLEARED = "CHANNEL_CLEARED"
    VOICE_MESSAGE_RECEIVED = "VOICE_MESSAGE_RECEIVED"
    VOICE_MESSAGE_SENT = "VOICE_MESSAGE_SENT"
    REACTION_RECEIVED = "REACTION_RECEIVED"
    POST_GENERATED = "POST_GENERATED"
    INTERACTION_RECEIVED = "INTERACTION_RECEIVED"
    RUN_STARTED = "RUN_STARTED"
    RUN_ENDED = "RUN_ENDED"
    RUN_TIMEOUT = "RUN_TIMEOUT"
    ACTION_STARTED = "ACTION_STARTED"
    ACTION_COMPLETED = "ACTION_COMPLETED"
    EVALUATOR_STARTED = "EVALUATOR_STARTED"
    EVALUATOR_COMPLETED = "EVALUATOR_COMPLETED"
    MODEL_USED = "MODEL_USED"
    EMBEDDING_GENERATION_REQUESTED = "EMBEDDING_GENERATION_REQUESTED"
    EMBEDDING_GENERATION_COMPLETED = "EMBEDDING_GENERATION_COMPLETED"
    EMBEDDING_GENERATION_FAILED = "EMBEDDING_GENERATION_FAILED"
    CONTROL_MESSAGE = "CONTROL_MESSAGE"


class Events:
    """Listeners by event type. Listeners of one event run together; a failing one stops nobody."""

    def __init__(self) -> None:
        self._handlers: defaultdict[str, list[EventHandler]] = defaultdict(list)

    def copy(self) -> Events:
        """The same listeners, to be added to apart."""
        copied = Events()
        for event_type, handlers in self._handlers.items():
            copied._handlers[event_type] = [*handlers]
        return copied

    def on(self, event_type: str, handler: EventHandler) -> None:
        self._handlers[str(event_type)].append(handler)

    def off(self, event_type: str, handler: EventHandler) -> None:
        """Remove a listener; one that was never added is ignored."""
        listeners = self._handlers[str(event_type)]
        if handler in listeners:
            listeners.remove(handler)

    async def emit(self, event_type: str, data: Any) -> None:
        """Tell every listener and wait for all of them."""
        if listeners := tuple(self._handlers.get(str(event_type), ())):
            await asyncio.gather(*(self._tell(str(event_type), handler, data) for handler in listeners))

    async def _tell(self, event_type: str, handler: EventHandler, data: Any) -> None:
        try:
            told = handler(data)
            if told is not None:
                await told
        except Exception:
            log.exception("event listener failed", extra={"event": event_type, "listener": _name(handler)})


def _name(handler: EventHandler) -> str:
    return getattr(handler, "__qualname__", type(handler).__name__)
