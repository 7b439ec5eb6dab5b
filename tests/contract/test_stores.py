"""Store contracts, for both databases."""

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
    """Contract of turns, on both databases."""


class TestTurnHistory(TurnHistoryContract):
    """Contract of conversation history, on both databases."""


class TestMemories(MemoryStoreContract):
    """Contract of memories, on both databases."""


class TestMemorySearch(MemorySearchContract):
    """Contract of memory search, on both databases."""


class TestRecall(RecallStoreContract):
    """Contract of recall, on both databases."""


class TestRecords(RecordStoreContract):
    """Contract of records, on both databases."""


class TestCache(KeyValueStoreContract):
    """Contract of the cache, on both databases."""


class TestEmbeddings(EmbeddingStoreContract):
    """Contract of embeddings, on both databases."""


class TestTasks(TaskStoreContract):
    """Contract of tasks, on both databases."""


class TestAdapter(DatabaseAdapterContract):
    """Contract of the adapter lifecycle, on both databases."""
