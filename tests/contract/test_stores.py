"""The store contracts, kept by both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing import (
    DatabaseAdapterContract,
    EmbeddingStoreContract,
    KeyValueStoreContract,
    MemorySearchContract,
    MemoryStoreContract,
    RecallStoreContract,
    RecordStoreContract,
    TaskStoreContract,
    TurnHistoryContract,
    TurnStoreContract,
)


@pytest.fixture
def empty_adapter(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAdapter:
    if engine == "sqlite":
        return SqliteAdapter(tmp_path / "unmigrated.db")
    return PostgresAdapter(request.getfixturevalue("unmigrated_postgres_url"))


@pytest.fixture
async def database(adapter: DatabaseAdapter) -> AsyncIterator[DatabaseAdapter]:
    try:
        await adapter.migrate()
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture
async def unmigrated(empty_adapter: DatabaseAdapter) -> AsyncIterator[DatabaseAdapter]:
    try:
        yield empty_adapter
    finally:
        await empty_adapter.close()


class TestTurns(TurnStoreContract):
    """Both databases keep the contract of turns."""


class TestTurnHistory(TurnHistoryContract):
    """Both databases keep the contract of a conversation's past."""


class TestMemories(MemoryStoreContract):
    """Both databases keep the contract of memories."""


class TestMemorySearch(MemorySearchContract):
    """Both databases keep the contract of searching memories."""


class TestRecall(RecallStoreContract):
    """Both databases keep the contract of recall."""


class TestRecords(RecordStoreContract):
    """Both databases keep the contract of records."""


class TestCache(KeyValueStoreContract):
    """Both databases keep the contract of the cache."""


class TestEmbeddings(EmbeddingStoreContract):
    """Both databases keep the contract of embeddings."""


class TestTasks(TaskStoreContract):
    """Both databases keep the contract of tasks."""


class TestAdapter(DatabaseAdapterContract):
    """Both databases keep the contract of an adapter's life."""
