"""Chooses what reaches connections by its endpoint; the cloud's client is loaded only when something is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cache

from runtime_core.adapters.aws.websocket import WebSocketChannel
from runtime_core.ports import Channel
from runtime_core.support.shared import closing


@cache
def channel_opener(endpoint: str) -> Callable[[], AbstractAsyncContextManager[Channel]]:
    """What opens the channel at an endpoint: the same function for the same one, so that it is shared."""
    return lambda: closing(WebSocketChannel(endpoint))
