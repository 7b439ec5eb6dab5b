"""Files of the SQLite database that a URL selects."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.testing import Scene
from runtime_core.wiring import open_database


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
