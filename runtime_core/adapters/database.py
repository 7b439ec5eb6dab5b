"""Which database a URL means; the drivers are loaded only for the one chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from runtime_core.errors import SettingsError
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings

DEFAULT_FILE = Path(".data/mayfly.db")
_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_ACCEPTED = "accepted are postgresql://…, sqlite:///relative.db, sqlite:////absolute.db and sqlite:// (in memory)"
_LAMBDA_CONNECTIONS = 1  # an execution environment handles one event at a time
_LOCAL_CONNECTIONS = 10


def database_from(settings: Settings) -> DatabaseAdapter:
    """The database that the settings name; nothing is opened yet.

    Raises:
        SettingsError: As `open_database`.
    """
    return open_database(settings.database_url, on_lambda=settings.on_lambda, pooler=settings.database_pooler)


def open_database(
    url: str | None, *, on_lambda: bool = False, pooler: Literal["none", "transaction"] = "none"
) -> DatabaseAdapter:
    """The adapter for a URL; without one, SQLite in `.data/` of the current folder. Nothing is opened yet.

    Raises:
        SettingsError: On Lambda without a URL (what a function writes to its disk is lost with it), or a URL
            that means no database known here.
    """
    if url is None:
        if on_lambda:
            raise SettingsError(
                "DATABASE_URL is not set: on Lambda a database has to be named "
                "(sqlite:////tmp/mayfly.db is one that is lost with the execution environment)",
                name="DATABASE_URL",
            )
        return _sqlite(DEFAULT_FILE)
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite(Path(rest.removeprefix("/")) if rest else ":memory:")
    if separator and scheme in _POSTGRES_SCHEMES:
        connections = _LAMBDA_CONNECTIONS if on_lambda else _LOCAL_CONNECTIONS
        from runtime_core.adapters.postgres import PostgresAdapter  # noqa: PLC0415 - only where it is chosen

        return PostgresAdapter(f"postgresql://{rest}", max_connections=connections, pooler=pooler)
    shown = f"{scheme}://…" if separator else "no URL"
    raise SettingsError(f"DATABASE_URL is {shown}: {_ACCEPTED}", name="DATABASE_URL")


def _sqlite(path: Path | str) -> DatabaseAdapter:
    from runtime_core.adapters.sqlite import SqliteAdapter  # noqa: PLC0415 - only where it is chosen

    return SqliteAdapter(path)
