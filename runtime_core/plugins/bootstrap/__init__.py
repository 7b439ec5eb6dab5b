"""The built-in components of every agent."""

from runtime_core.plugins.bootstrap.plugin import plugin

__all__ = ["plugin"]
