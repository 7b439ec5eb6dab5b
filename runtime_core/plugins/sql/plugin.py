"""The plugin `sql`: opens DATABASE_URL unless the runtime has an adapter."""

from __future__ import annotations

from runtime_core.plugin_api import Plugin
from runtime_core.wiring import database_from

plugin = Plugin(
    name="sql",
    description="Postgres or SQLite, as DATABASE_URL says",
    priority=-100,
    adapter=database_from,
)
