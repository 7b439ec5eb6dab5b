"""Composition root, which chooses and opens the adapters.

Importing the module loads no adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runtime_core.errors import SettingsError
from runtime_core.settings import Settings
from runtime_core.support.shared import closing

if TYPE_CHECKING:
    from runtime_core.adapters.migrations import Migration
    from runtime_core.plugin_api import Context
    from runtime_core.ports import Channel, DatabaseAdapter, Fetcher, JobQueue, Redelivery

DEFAULT_FILE = Path(".data") / "mayfly.db"
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
URL_FORMS = "postgresql://user:password@host/database, sqlite:///file.db, sqlite:////absolute/file.db, sqlite://"

# Settings


async def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings, and fetch the secrets named by ARN.

    Every variable is checked before a secret is fetched. A variable overrides its secret, which is then not fetched.

    Raises:
        SettingsError: As `Settings.from_environment`, or a secret is unreadable; names the variable.
        StoreUnavailable: The secret store did not answer.
    """
    settings = Settings.from_environment(environment)
    wants_url = settings.database_secret_arn is not None and settings.database_url is None
    wants_key = settings.openai_secret_arn is not None and settings.openai_api_key is None
    if not wants_url and not wants_key:
        return settings
    from runtime_core.adapters.aws.secrets import with_secrets  # noqa: PLC0415 - loaded only when chosen

    return await with_secrets(settings, environment)


# Databases


def database_from(settings: Settings) -> DatabaseAdapter:
    """Make the database adapter of the settings; it connects on first use.

    Raises:
        SettingsError: As `open_database`.
    """
    return open_database(settings.database_url, on_lambda=settings.in_lambda_runtime, pooler=settings.database_pooler)


def open_database(
    url: str | None, *, on_lambda: bool = False, pooler: Literal["none", "transaction"] = "none"
) -> DatabaseAdapter:
    """Make the database adapter of a URL; it connects on first use.

    Args:
        url: None selects the file `.data/mayfly.db` of the working directory; `sqlite://` is a database in memory.
        on_lambda: Requires a URL, because a file is lost with the environment, and opens a single connection.

    Raises:
        SettingsError: The URL is missing on Lambda, or names an unknown database.
    """
    if url is None:
        if on_lambda:
            raise SettingsError(
                f"DATABASE_URL is not set, and Lambda has no default: set it to one of {URL_FORMS}", name="DATABASE_URL"
            )
        return _sqlite(DEFAULT_FILE)
    scheme, found, rest = url.partition("://")
    if found and scheme in POSTGRES_SCHEMES:
        return _postgres(url, max_connections=1 if on_lambda else 10, pooler=pooler)
    if found and scheme == "sqlite":
        return _sqlite(_sqlite_path(rest))
    raise SettingsError(
        f"DATABASE_URL starts with {scheme + found!r}: set it to one of {URL_FORMS}"
        if found
        else f"DATABASE_URL is not a URL: set it to one of {URL_FORMS}",
        name="DATABASE_URL",
    )


def list_migrations(settings: Settings) -> list[Migration]:
    """List the migrations of the database engine of the settings, in order."""
    from runtime_core.adapters.migrations import MIGRATIONS, read_migrations  # noqa: PLC0415 - only for `migrate`

    is_sqlite = settings.database_url is None or settings.database_url.startswith("sqlite:")
    return read_migrations(MIGRATIONS / ("sqlite" if is_sqlite else "postgres"))


def _sqlite_path(rest: str) -> Path | str:
    if rest in {"", "/", "/:memory:"}:
        return ":memory:"
    if not rest.startswith("/"):
        raise SettingsError(
            f"DATABASE_URL names the host {rest.partition('/')[0]!r}, but SQLite has no hosts:"
            f" set it to one of {URL_FORMS}",
            name="DATABASE_URL",
        )
    return Path(rest[1:])


def _sqlite(path: Path | str) -> DatabaseAdapter:
    from runtime_core.adapters.sqlite import SqliteAdapter  # noqa: PLC0415 - loaded only when chosen

    return SqliteAdapter(path)


def _postgres(url: str, *, max_connections: int, pooler: Literal["none", "transaction"]) -> DatabaseAdapter:
    from runtime_core.adapters.postgres import PostgresAdapter  # noqa: PLC0415 - loaded only when chosen

    return PostgresAdapter(url, max_connections=max_connections, pooler=pooler)


# Queues and channels


@cache
def queue_opener(url: str) -> Callable[[], AbstractAsyncContextManager[JobQueue]]:
    """Return the function that opens the queue at a URL.

    Returns:
        The same function for the same URL, so that `runtime.shared` opens it once.
    """

    def open_queue() -> AbstractAsyncContextManager[JobQueue]:
        from runtime_core.adapters.aws.sqs import SqsQueue  # noqa: PLC0415 - loaded only when chosen

        return closing(SqsQueue(url))

    return open_queue


async def open_work_queue(runtime: Context) -> JobQueue | None:
    """Open the queue of background work (`WORK_QUEUE_URL`).

    No answer waits for this work.

    Returns:
        None without the setting: this process does the work.
    """
    url = runtime.settings.work_queue_url
    return await runtime.shared(queue_opener(url)) if url else None


@cache
def redelivery_opener() -> Callable[[], AbstractAsyncContextManager[Redelivery]]:
    """Return the function that opens the redelivery of every queue.

    Returns:
        The same function at each call, so that `runtime.shared` opens it once.
    """

    def open_redelivery() -> AbstractAsyncContextManager[Redelivery]:
        from runtime_core.adapters.aws.redelivery import SqsRedelivery  # noqa: PLC0415 - loaded only when chosen

        return closing(SqsRedelivery())

    return open_redelivery


@cache
def channel_opener(endpoint: str) -> Callable[[], AbstractAsyncContextManager[Channel]]:
    """Return the function that opens the channel at a WebSocket endpoint.

    Returns:
        The same function for the same endpoint, so that `runtime.shared` opens it once.
    """

    def open_channel() -> AbstractAsyncContextManager[Channel]:
        from runtime_core.adapters.aws.websocket import WebSocketChannel  # noqa: PLC0415 - loaded only when chosen

        return closing(WebSocketChannel(endpoint))

    return open_channel


# Files


def open_fetcher(settings: Settings) -> Fetcher:
    """Make the fetcher of web files: public addresses, and those of `ATTACHMENT_NETWORKS`."""
    from runtime_core.adapters.web import WebFetcher, networks_of  # noqa: PLC0415 - loaded only for an attachment

    return WebFetcher(networks=networks_of(settings.attachment_networks))


def readable_suffixes() -> frozenset[str]:
    """List the lower-case suffixes of the files that `extract` reads.

    Raises:
        ModuleNotFoundError: A package of the extra `ingest` is not installed.
    """
    from runtime_core.adapters.extraction import READERS  # noqa: PLC0415 - loaded only by `mayfly ingest`

    return frozenset(READERS)


def extract(path: Path) -> str:
    """Read a file as text, by its suffix.

    Raises:
        InvalidInput: The content does not match the suffix; names the file.
    """
    from runtime_core.adapters.extraction import extract as extract_text  # noqa: PLC0415 - only by `mayfly ingest`

    return extract_text(path)
