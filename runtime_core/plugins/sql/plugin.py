"""The plugin `sql`: opens DATABASE_URL unless the runtime has an adapter."""

from __future__ import annotations

from runtime_core.adapters.database import database_from
from runtime_core.agent.components import Plugin

plugin = Plugin(
    name="sql",
    description="Postgres or SQLite, as DATABASE_URL says",
    priority=-100,
    adapter=database_from,
)
