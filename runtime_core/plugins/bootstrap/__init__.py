"""The components every agent has: what it says, what it knows of the conversation."""

from runtime_core.plugins.bootstrap.plugin import plugin

__all__ = ["plugin"]
