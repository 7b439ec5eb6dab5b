"""Which adapter a database URL selects."""

from __future__ import annotations

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.errors import SettingsError
from runtime_core.wiring import open_database


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_spelling_of_postgres_is_understood(scheme: str) -> None:
    assert isinstance(open_database(f"{scheme}://user:secret@nowhere.test/name"), PostgresAdapter)


def test_on_lambda_a_missing_url_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        open_database(None, on_lambda=True)
    assert caught.value.name == "DATABASE_URL"


def test_on_lambda_a_named_file_is_taken() -> None:
    assert isinstance(open_database("sqlite:////tmp/mayfly.db", on_lambda=True), SqliteAdapter)


@pytest.mark.parametrize("url", ["mysql://host/name", "mayfly.db", "sqlite://host/name", "", "://", "postgres:/name"])
def test_anything_else_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*set it to one of postgresql://.*sqlite://"):
        open_database(url)


def test_a_wrong_url_is_not_repeated_with_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        open_database("mysql://user:hunter2@host/name")
    assert "hunter2" not in str(caught.value)
