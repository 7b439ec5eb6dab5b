"""The composition root: the one module of the core that imports adapters, each only when it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runtime_core.errors import SettingsError
from runtime_core.ports import Channel, DatabaseAdapter, Fetcher, JobQueue, Redelivery
from runtime_core.settings import Settings
from runtime_core.support.shared import closing

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

DEFAULT_FILE = Path(".data") / "mayfly.db"
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
ACCEPTED = "postgresql://user:password@host/database, sqlite:///file.db, sqlite:////absolute/file.db, sqlite://"


def database_from(settings: Settings) -> DatabaseAdapter:
    """The database that the settings name; it connects on first use.

    Raises:
        SettingsError: As `open_database`.
    """
    return open_database(settings.database_url, on_lambda=settings.in_lambda_runtime, pooler=settings.database_pooler)


def open_database(
    url: str | None, *, on_lambda: bool = False, pooler: Literal["none", "transaction"] = "none"
) -> DatabaseAdapter:
    """Make the adapter for a database; it connects on first use.

    Args:
        url: None takes the file `.data/mayfly.db` of the working directory; `sqlite://` is a database in memory.
        on_lambda: No default there, since a file is lost with the environment, and one connection is enough.

    Raises:
        SettingsError: No URL on Lambda, or one that names no known database.
    """
    if url is None:
        if on_lambda:
            raise SettingsError(
                f"DATABASE_URL is not set: on Lambda it has no default ({ACCEPTED})", name="DATABASE_URL"
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
        else f"DATABASE_URL is no URL; accepted are {ACCEPTED}",
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


@cache
def queue_opener(url: str) -> Callable[[], AbstractAsyncContextManager[JobQueue]]:
    """Return what opens the queue at a URL: one function for each URL, so that `runtime.shared` opens it once."""
    from runtime_core.adapters.aws.sqs import SqsQueue  # noqa: PLC0415 - loaded only when chosen

    return lambda: closing(SqsQueue(url))


async def open_work_queue(runtime: Context) -> JobQueue | None:
    """Return the queue for work that no answer waits for (`WORK_QUEUE_URL`); None does it in this process."""
    url = runtime.settings.work_queue_url
    return await runtime.shared(queue_opener(url)) if url else None


@cache
def redelivery_opener() -> Callable[[], AbstractAsyncContextManager[Redelivery]]:
    """Return what opens the redelivery of queue messages; one function, so that it is opened once."""
    from runtime_core.adapters.aws.redelivery import SqsRedelivery  # noqa: PLC0415 - loaded only when chosen

    return lambda: closing(SqsRedelivery())


@cache
def channel_opener(endpoint: str) -> Callable[[], AbstractAsyncContextManager[Channel]]:
    """Return what opens the channel at an endpoint: one function for each endpoint, so that it is opened once."""
    from runtime_core.adapters.aws.websocket import WebSocketChannel  # noqa: PLC0415 - loaded only when chosen

    return lambda: closing(WebSocketChannel(endpoint))


def open_fetcher(settings: Settings) -> Fetcher:
    """Return what reads files from the web: public addresses, and those of `ATTACHMENT_NETWORKS`."""
    from runtime_core.adapters.web import WebFetcher, networks_of  # noqa: PLC0415 - loaded only when a file comes

    return WebFetcher(networks=networks_of(settings.attachment_networks))


def extract(path: Path) -> str:
    """Read a file as text, with headings as Markdown has them.

    Raises:
        InvalidInput: No reader knows the file's type, or its reader is not installed.
    """
    from runtime_core.adapters.extraction import extract as read  # noqa: PLC0415 - for the command line alone

    return read(path)


async def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings: every variable is checked first, then the secrets named by ARN are read.

    A variable that is set itself wins over its secret, which is then not read.

    Raises:
        SettingsError: As `Settings.from_environment`, or a secret cannot be read; names the variable.
        StoreUnavailable: The store of the secrets did not answer.
    """
    settings = Settings.from_environment(environment)
    wants_url = settings.database_secret_arn is not None and settings.database_url is None
    wants_key = settings.openai_secret_arn is not None and settings.openai_api_key is None
    if not wants_url and not wants_key:
        return settings
    from runtime_core.adapters.aws.secrets import with_secrets  # noqa: PLC0415 - loaded only when chosen

    return await with_secrets(settings, environment)
