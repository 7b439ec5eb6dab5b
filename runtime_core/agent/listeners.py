"""Emission of an event to its listeners."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from runtime_core.plugin_api import EventHandler

log = logging.getLogger(__name__)


async def call_listeners(event_type: str, listeners: Sequence[EventHandler], data: Any) -> None:
    """Call an event's listeners concurrently, and log those that fail."""
    await asyncio.gather(*(_call(str(event_type), listener, data) for listener in listeners))


async def _call(event_type: str, listener: EventHandler, data: Any) -> None:
    try:
        pending = listener(data)
        if pending is not None:
            await pending
    except Exception:
        log.exception("event listener failed", extra={"event": event_type, "listener": _name(listener)})


def _name(listener: EventHandler) -> str:
    return getattr(listener, "__qualname__", type(listener).__name__)
