"""The plugin `websocket`: sends to connections of the WebSocket API at `WEBSOCKET_ENDPOINT`."""

from runtime_core.plugins.websocket.plugin import plugin

__all__ = ["plugin"]
