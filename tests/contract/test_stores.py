"""The store contracts, kept by both databases."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing import (
    DatabaseAdapterContract,
    KeyValueStoreContract,
    MemorySearchContract,
    MemoryStoreContract,
    RecordStoreContract,
    TurnHistoryContract,
    TurnStoreContract,
)

ENGINES = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]


@asynccontextmanager
async def empty_postgres(url: str) -> AsyncIterator[str]:
    """Give the URL of a database beside this one that no migration was applied to."""
    name = f"empty_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        address, _, query = url.partition("?")
        yield f"{address.rsplit('/', 1)[0]}/{name}{'?' + query if query else ''}"
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def database(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DatabaseAdapter]:
    adapter: DatabaseAdapter
    if engine == "sqlite":
        adapter = SqliteAdapter(tmp_path / "mayfly.db")
        await adapter.migrate()
    else:
        adapter = PostgresAdapter(request.getfixturevalue("postgres_url"))
    try:
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture
async def unmigrated(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DatabaseAdapter]:
    adapter: DatabaseAdapter
    if engine == "sqlite":
        adapter = SqliteAdapter(tmp_path / "unmigrated.db")
        yield adapter
        await adapter.close()
        return
    async with empty_postgres(request.getfixturevalue("postgres_url")) as url:
        adapter = PostgresAdapter(url)
        yield adapter
        await adapter.close()


class TestTurns(TurnStoreContract):
    """Both databases keep the contract of turns."""


class TestTurnHistory(TurnHistoryContract):
    """Both databases keep the contract of a conversation's past."""


class TestMemories(MemoryStoreContract):
    """Both databases keep the contract of memories."""


class TestMemorySearch(MemorySearchContract):
    """Both databases keep the contract of searching memories."""


class TestRecords(RecordStoreContract):
    """Both databases keep the contract of records."""


class TestCache(KeyValueStoreContract):
    """Both databases keep the contract of the cache."""


class TestAdapter(DatabaseAdapterContract):
    """Both databases keep the contract of an adapter's life."""
