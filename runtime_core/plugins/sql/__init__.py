"""The plugin `sql`, for plugin lists that name it; runtimes open the database without it."""

from runtime_core.plugins.sql.plugin import plugin

__all__ = ["plugin"]
