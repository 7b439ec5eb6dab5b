"""The plugin `websocket`: sends to the connection in a target's `channel_id`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.domain.memory import Content
from runtime_core.domain.routing import TargetInfo
from runtime_core.errors import SettingsError, TargetError
from runtime_core.plugin_api import Context, Plugin
from runtime_core.wiring import channel_opener

SOURCE = "websocket"
PLATFORM_PRIORITY = 100


async def _register(_config: Mapping[str, Any], runtime: Context) -> None:
    endpoint = runtime.settings.websocket_endpoint
    if endpoint is None:
        raise SettingsError(
            "WEBSOCKET_ENDPOINT is not set, but plugin 'websocket' needs it: set it to the URL of the WebSocket API",
            name="WEBSOCKET_ENDPOINT",
        )

    async def send(runtime: Context, target: TargetInfo, content: Content) -> None:
        if not target.channel_id:
            raise TargetError("target.channel_id is empty: set it to the id of a connection")
        if not content.text:
            raise TargetError(f"content for connection {target.channel_id!r} has no text: set content.text")
        channel = await runtime.shared(channel_opener(endpoint))
        await channel.send(target.channel_id, content.text)

    runtime.register_send_handler(SOURCE, send)


plugin = Plugin(
    name="websocket",
    description="Sends text to the connections of an API Gateway WebSocket API",
    init=_register,
    priority=PLATFORM_PRIORITY,
)
