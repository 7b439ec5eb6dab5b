"""Choice of the channel for an endpoint; the AWS client is loaded at the first send."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cache

from runtime_core.adapters.aws.websocket import WebSocketChannel
from runtime_core.ports import Channel
from runtime_core.support.shared import closing


@cache
def channel_opener(endpoint: str) -> Callable[[], AbstractAsyncContextManager[Channel]]:
    """Make the function that opens the channel of an endpoint.

    Cached: `Shared` keys open resources by the function, so one endpoint has one channel.
    """
    return lambda: closing(WebSocketChannel(endpoint))
