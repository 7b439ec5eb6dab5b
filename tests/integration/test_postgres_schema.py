"""Postgres schema and migrations: versions, checksums, older and newer databases."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg import exceptions as driver

from runtime_core.adapters.migrations import MIGRATIONS, read_migrations
from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.postgres.errors import MAPPED
from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.records import RECORD_TABLES
from runtime_core.domain.run import Outcome
from runtime_core.errors import SchemaOutOfDate, StoreError
from runtime_core.testing.scene import Scene

NEWER_COLUMNS = ("memories", "runs", "cache", *RECORD_TABLES.values())


@pytest.fixture
async def fresh(unmigrated_postgres_url: str) -> AsyncIterator[PostgresAdapter]:
    """Migrated database whose schema the test may change."""
    adapter = PostgresAdapter(unmigrated_postgres_url)
    await adapter.migrate()
    yield adapter
    await adapter.close()


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_the_version_needed_is_the_last_migration() -> None:
    assert read_migrations(MIGRATIONS / "postgres")[-1].number == SCHEMA_VERSION


def test_every_error_of_the_driver_has_a_place() -> None:
    kinds = [kind for kind in vars(driver).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    bases = {driver.PostgresError, driver.FatalPostgresError}  # never raised themselves
    unplaced = {
        kind.__name__
        for kind in kinds
        if not issubclass(kind, Warning) and kind not in bases and not any(base in MAPPED for base in kind.__mro__)
    }
    assert unplaced == set()
    assert len(kinds) > 200


def test_every_error_is_mapped_into_the_tree_of_store_errors() -> None:
    assert all(issubclass(kind, StoreError) for kind in MAPPED.values())


@pytest.mark.postgres
async def test_every_statement_is_valid_on_the_schema(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    for statement in QUERIES.values():
        await connection.prepare(statement)
    await connection.close()


@pytest.mark.postgres
async def test_a_database_that_is_behind_names_both_versions_and_the_command(
    fresh: PostgresAdapter, unmigrated_postgres_url: str
) -> None:
    await run(
        unmigrated_postgres_url,
        "delete from mayfly_migrations where number = (select max(number) from mayfly_migrations)",
    )
    with pytest.raises(SchemaOutOfDate, match=f"version {SCHEMA_VERSION - 1}.* {SCHEMA_VERSION}.*mayfly migrate"):
        await fresh.turns.begin(Scene().start())


@pytest.mark.postgres
async def test_a_newer_database_is_fine(fresh: PostgresAdapter, unmigrated_postgres_url: str) -> None:
    await run(
        unmigrated_postgres_url,
        "insert into mayfly_migrations select max(number) + 1, 'newer', 'x' from mayfly_migrations",
    )
    for table in NEWER_COLUMNS:
        await run(unmigrated_postgres_url, f"alter table {table} add column newer text not null default 'x'")
    scene = Scene()
    context = await scene.play(fresh)
    assert context.outcome is Outcome.NEW
    assert context.run is not None
    assert await fresh.turns.get_run(context.run.id)
    for kind in RECORD_TABLES:
        await fresh.records.find(kind, scene.agent_id)
    assert await fresh.ping() == SCHEMA_VERSION + 1
    assert await fresh.migrate() == []


@pytest.mark.postgres
async def test_a_schema_that_changes_under_a_warm_connection_is_noticed(
    fresh: PostgresAdapter, unmigrated_postgres_url: str
) -> None:
    scene = Scene()
    await scene.play(fresh)
    await run(unmigrated_postgres_url, "alter table memories add column newer text not null default 'x'")
    assert len((await scene.play(fresh)).messages) == 1


@pytest.mark.postgres
async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(
    fresh: PostgresAdapter, unmigrated_postgres_url: str
) -> None:
    await run(unmigrated_postgres_url, "update mayfly_migrations set sha256 = 'other' where number = 2")
    with pytest.raises(SchemaOutOfDate, match=r"0002_turns\.sql was changed"):
        await fresh.migrate()


@pytest.mark.postgres
async def test_a_wrong_password_or_database_is_an_error_that_waiting_does_not_mend(postgres_url: str) -> None:
    adapter = PostgresAdapter(f"{postgres_url}_missing")
    with pytest.raises(StoreError, match="does not exist") as caught:
        await adapter.ping()
    assert not caught.value.retryable
    await adapter.close()


@pytest.mark.postgres
async def test_other_spellings_of_the_url_are_accepted(postgres_url: str) -> None:
    for scheme in ("postgres://", "postgresql+asyncpg://"):
        adapter = PostgresAdapter(postgres_url.replace("postgresql://", scheme) + "?sslmode=disable")
        assert await adapter.ping() == SCHEMA_VERSION
        await adapter.close()
