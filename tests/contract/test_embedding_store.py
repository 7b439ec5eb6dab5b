"""The contract of embeddings, kept by both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing import EmbeddingStoreContract

ENGINES = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]


# The adapter is made here, where no event loop runs yet: the server's fixture starts one of its own.
@pytest.fixture(params=ENGINES)
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAdapter:
    if request.param == "sqlite":
        return SqliteAdapter(tmp_path / "mayfly.db")
    return PostgresAdapter(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(adapter: DatabaseAdapter) -> AsyncIterator[DatabaseAdapter]:
    try:
        await adapter.migrate()
        yield adapter
    finally:
        await adapter.close()


class TestEmbeddings(EmbeddingStoreContract):
    """Both databases keep the contract of embeddings."""
