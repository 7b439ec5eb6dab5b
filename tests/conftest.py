"""Fixtures for all tests: real databases."""

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
    """Restore SIGINT for the commands under test.

    A shell starts a background run with SIGINT ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Postgres server of the session, with a migrated template."""
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty, migrated database; the test must not change its schema."""
    name = postgres_server.lend_database()
    yield postgres_server.url(name)
    postgres_server.take_back(name)


@pytest.fixture
def unmigrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty database without a schema."""
    name = postgres_server.new_database(migrated=False)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def wire(postgres_url: str) -> AsyncIterator[WireProxy]:
    """Proxy before the database that counts connections and round trips."""
    async with WireProxy.before(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresAdapter]:
    """Adapter of the database, closed afterwards."""
    adapter = PostgresAdapter(postgres_url)
    try:
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of each database engine in turn."""
    return str(request.param)


# Requested outside the event loop: the server's fixture starts its own loop.
@pytest.fixture
def adapter(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAdapter:
    """Adapter of each engine on an empty database, not migrated; the test closes it."""
    if engine == "sqlite":
        return SqliteAdapter(tmp_path / "mayfly.db")
    return PostgresAdapter(request.getfixturevalue("postgres_url"))
