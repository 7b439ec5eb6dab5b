"""What every test may ask for: real databases."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter
from tests.databases import PostgresServer
from tests.model_server import model_server
from tests.wire import WireProxy

__all__ = ["model_server"]


def pytest_configure() -> None:
    """Let Ctrl-C reach the commands under test, also where a shell started this run in the background without it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server, with a migrated template."""
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty, migrated database of the test's own; the test leaves its schema as it is."""
    name = postgres_server.lend_database()
    yield postgres_server.url(name)
    postgres_server.take_back(name)


@pytest.fixture
def unmigrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database that holds nothing at all."""
    name = postgres_server.new_database(migrated=False)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def wire(postgres_url: str) -> AsyncIterator[WireProxy]:
    """A proxy in front of that database, which counts connections and round trips."""
    async with WireProxy.before(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresAdapter]:
    """An adapter of that database, closed afterwards."""
    adapter = PostgresAdapter(postgres_url)
    try:
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.param)


# It is made here, where no event loop runs yet: the server's fixture starts one of its own.
@pytest.fixture
def adapter(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAdapter:
    """An adapter of each database in turn, empty and not migrated by itself; the test closes it."""
    if engine == "sqlite":
        return SqliteAdapter(tmp_path / "mayfly.db")
    return PostgresAdapter(request.getfixturevalue("postgres_url"))
