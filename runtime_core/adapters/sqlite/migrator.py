"""SQLite migrations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import apsw

from runtime_core.adapters.migrations import MIGRATIONS, missing, read_migrations
from runtime_core.adapters.sqlite.connection import fetch_all
from runtime_core.adapters.sqlite.values import as_text

FOLDER = MIGRATIONS / "sqlite"
_TABLE = """
CREATE TABLE IF NOT EXISTS mayfly_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT
"""
_APPLIED = "SELECT number, sha256 FROM mayfly_migrations"
_RECORD = "INSERT INTO mayfly_migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)"


def apply_migrations(connection: apsw.Connection, clock: Callable[[], datetime]) -> list[str]:
    """Apply the missing migrations.

    The caller's write transaction is the lock.

    Returns:
        The names of the applied migrations.
    """
    connection.execute(_TABLE)
    applied = {row["number"]: row["sha256"] for row in fetch_all(connection, _APPLIED)}
    names = []
    for each in missing(read_migrations(FOLDER), applied):
        connection.execute(each.sql)
        connection.execute(_RECORD, (each.number, each.name, each.sha256, as_text(clock())))
        names.append(each.name)
    return names
