"""Plugin `sql`, which opens the database of `DATABASE_URL`.

It does nothing in a runtime that has an adapter.
"""

from __future__ import annotations

from runtime_core.plugin_api import Plugin
from runtime_core.wiring import database_from

plugin = Plugin(
    name="sql",
    description="Postgres or SQLite, as DATABASE_URL says",
    priority=-100,
    adapter=database_from,
)
