"""The plugin of the local provider."""

from runtime_core.plugins.local.plugin import get_local_plugin

__all__ = ["get_local_plugin"]
