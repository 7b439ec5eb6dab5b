"""The plugin `websocket`: sends to the connection in a target's `channel_id`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.adapters.channels import channel_opener
from runtime_core.agent.components import Plugin
from runtime_core.agent.send_handlers import TargetInfo
from runtime_core.domain.memory import Content
from runtime_core.errors import SettingsError, TargetError

SOURCE = "websocket"
PLATFORM_PRIORITY = 100


async def _register(_config: Mapping[str, Any], runtime: Any) -> None:
    endpoint = runtime.settings.websocket_endpoint
    if endpoint is None:
        raise SettingsError(
            "WEBSOCKET_ENDPOINT is not set, but plugin 'websocket' needs it: set it to the URL of the WebSocket API",
            name="WEBSOCKET_ENDPOINT",
        )

    async def send(runtime: Any, target: TargetInfo, content: Content) -> None:
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
