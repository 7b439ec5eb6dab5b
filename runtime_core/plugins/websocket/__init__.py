"""Sending to the connections of a WebSocket API, where `WEBSOCKET_ENDPOINT` names one."""

from runtime_core.plugins.websocket.plugin import plugin

__all__ = ["plugin"]
