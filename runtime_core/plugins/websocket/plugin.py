"""Plugin `websocket`, which sends content to WebSocket connections.

Content with this source goes to the connection that the target's `channel_id` names.
"""

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
            "WEBSOCKET_ENDPOINT is not set: the plugin 'websocket' sends to the connections of the API it names",
            name="WEBSOCKET_ENDPOINT",
        )

    async def send(runtime: Context, target: TargetInfo, content: Content) -> None:
        if not target.channel_id:
            raise TargetError("target.channel_id is empty: it names the connection that is sent to")
        if not content.text:
            raise TargetError(f"nothing to send to the connection {target.channel_id!r}: the content has no text")
        channel = await runtime.shared(channel_opener(endpoint))
        await channel.send(target.channel_id, content.text)

    runtime.register_send_handler(SOURCE, send)


plugin = Plugin(
    name="websocket",
    description="Sends text to the connections of an API Gateway WebSocket API",
    init=_register,
    priority=PLATFORM_PRIORITY,
)
