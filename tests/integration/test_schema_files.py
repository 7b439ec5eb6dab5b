"""Equality of the schema files and the schemas of migrated databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import PostgresServer
from tests.schema import FILES, migrate_sqlite, read_postgres_schema, read_sqlite_schema

STALE = "the schema file is stale: run `python -m tests.schema`"


async def test_the_sqlite_schema_file_equals_what_the_migrations_make(tmp_path: Path) -> None:
    file = tmp_path / "mayfly.db"
    await migrate_sqlite(file)
    assert FILES["sqlite"].read_text(encoding="utf-8") == read_sqlite_schema(file), STALE


@pytest.mark.postgres
def test_the_postgres_schema_file_equals_what_the_migrations_make(postgres_server: PostgresServer) -> None:
    name = postgres_server.new_database()
    try:
        made = read_postgres_schema(postgres_server, name)
    finally:
        postgres_server.drop_database(name)
    assert FILES["postgres"].read_text(encoding="utf-8") == made, STALE
