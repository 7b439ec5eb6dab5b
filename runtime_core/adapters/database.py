"""Choice of the database adapter for a URL; only the chosen driver is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from runtime_core.errors import SettingsError
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings

DEFAULT_FILE = Path(".data") / "mayfly.db"
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
ACCEPTED = "postgresql://user:password@host/database, sqlite:///file.db, sqlite:////absolute/file.db, sqlite://"


def database_from(settings: Settings) -> DatabaseAdapter:
    """Make the adapter of the configured database; it connects on first use.

    Raises:
        SettingsError: As `open_database`.
    """
    return open_database(settings.database_url, on_lambda=settings.in_lambda_runtime, pooler=settings.database_pooler)


def open_database(
    url: str | None, *, on_lambda: bool = False, pooler: Literal["none", "transaction"] = "none"
) -> DatabaseAdapter:
    """Make the adapter for a database; it connects on first use.

    Args:
        url: None uses the file `.data/mayfly.db` in the working directory; `sqlite://` is an in-memory database.
        on_lambda: Whether to require a URL, since a file is lost with the environment, and to limit Postgres to one
            connection, which is enough there.

    Raises:
        SettingsError: No URL on Lambda, or a URL of an unknown database.
    """
    if url is None:
        if on_lambda:
            raise SettingsError(
                f"DATABASE_URL is not set and has no default on Lambda: set it to one of {ACCEPTED}",
                name="DATABASE_URL",
            )
        return _sqlite(DEFAULT_FILE)
    scheme, found, rest = url.partition("://")
    if found and scheme in POSTGRES_SCHEMES:
        return _postgres(url, max_connections=1 if on_lambda else 10, pooler=pooler)
    if found and scheme == "sqlite":
        return _sqlite(_sqlite_path(rest))
    raise SettingsError(
        f"DATABASE_URL starts with {scheme + found!r}; accepted are {ACCEPTED}"
        if found
        else f"DATABASE_URL is not a URL; accepted are {ACCEPTED}",
        name="DATABASE_URL",
    )


def _sqlite_path(rest: str) -> Path | str:
    if rest in {"", "/", "/:memory:"}:
        return ":memory:"
    if not rest.startswith("/"):
        raise SettingsError(
            f"DATABASE_URL names the host {rest.partition('/')[0]!r}, but SQLite has none; accepted are {ACCEPTED}",
            name="DATABASE_URL",
        )
    return Path(rest[1:])


def _sqlite(path: Path | str) -> DatabaseAdapter:
    from runtime_core.adapters.sqlite import SqliteAdapter  # noqa: PLC0415 - loaded only when chosen

    return SqliteAdapter(path)


def _postgres(url: str, *, max_connections: int, pooler: Literal["none", "transaction"]) -> DatabaseAdapter:
    from runtime_core.adapters.postgres import PostgresAdapter  # noqa: PLC0415 - loaded only when chosen

    return PostgresAdapter(url, max_connections=max_connections, pooler=pooler)
