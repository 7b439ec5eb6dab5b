"""The plugin `sql`, optional: runtimes open the database without it."""

from runtime_core.plugins.sql.plugin import plugin

__all__ = ["plugin"]
