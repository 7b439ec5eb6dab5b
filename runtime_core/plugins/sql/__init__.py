"""The database as a plugin, for lists that name it; a runtime opens the same database without it."""

from runtime_core.plugins.sql.plugin import plugin

__all__ = ["plugin"]
