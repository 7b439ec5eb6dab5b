"""Choice of the adapter for a database URL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime_core.adapters.database import open_database
from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.errors import SettingsError
from runtime_core.testing import Scene


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_spelling_of_postgres_is_understood(scheme: str) -> None:
    assert isinstance(open_database(f"{scheme}://user:secret@nowhere.test/name"), PostgresAdapter)


async def test_without_a_url_it_is_a_file_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database = open_database(None)
    assert not (tmp_path / ".data").exists()
    await database.migrate()
    await database.close()
    assert (tmp_path / ".data" / "mayfly.db").exists()


@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
async def test_a_file_is_named_relative_or_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "some" / "file.db"
    database = open_database(f"sqlite:///{file}" if absolute else "sqlite:///some/file.db")
    assert isinstance(database, SqliteAdapter)
    await database.migrate()
    await database.close()
    assert file.exists()


async def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = open_database("sqlite://")
    await database.migrate()
    scene = Scene()
    await scene.play(database)
    assert len((await scene.play(database)).messages) == 1
    await database.close()
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nothing else waits here


def test_on_lambda_a_missing_url_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        open_database(None, on_lambda=True)
    assert caught.value.name == "DATABASE_URL"


def test_on_lambda_a_named_file_is_taken() -> None:
    assert isinstance(open_database("sqlite:////tmp/mayfly.db", on_lambda=True), SqliteAdapter)


@pytest.mark.parametrize("url", ["mysql://host/name", "mayfly.db", "sqlite://host/name", "", "://", "postgres:/name"])
def test_anything_else_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*accepted are postgresql://.*sqlite://"):
        open_database(url)


def test_a_wrong_url_is_not_repeated_with_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        open_database("mysql://user:hunter2@host/name")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("url", "driver"), [("sqlite://", "asyncpg"), ("postgresql://host/name", "apsw")])
def test_only_the_driver_that_is_chosen_is_imported(url: str, driver: str) -> None:
    program = (
        "import sys\n"
        "from runtime_core.adapters.database import open_database\n"
        "assert not {'asyncpg', 'apsw'} & set(sys.modules)\n"
        f"open_database({url!r})\n"
        f"assert {driver!r} not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
