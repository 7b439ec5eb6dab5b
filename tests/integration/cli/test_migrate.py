"""`mayfly migrate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.terminal import mayfly


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings of an empty database."""
    if request.param == "sqlite":
        return {}
    return {"DATABASE_URL": request.getfixturevalue("unmigrated_postgres_url")}


def test_a_database_is_migrated_once_and_check_lists_the_missing_migrations(
    tmp_path: Path, database: dict[str, str]
) -> None:
    before = mayfly("migrate", "--check", folder=tmp_path, **database)
    assert list(tmp_path.iterdir()) == [], "asking makes no file"
    assert before.returncode == 1
    missing = [line.removeprefix("missing ") for line in before.stdout.splitlines()]
    assert missing
    assert missing[0].startswith("0001_")
    assert "Error: the database is at schema version 0" in before.stderr

    applied = mayfly("migrate", folder=tmp_path, **database)
    assert applied.returncode == 0
    assert applied.stdout.splitlines() == [f"applied {name}" for name in missing]

    again = mayfly("migrate", folder=tmp_path, **database)
    assert (again.returncode, again.stdout.startswith("Nothing to do")) == (0, True)

    after = mayfly("migrate", "--check", folder=tmp_path, **database)
    assert after.returncode == 0
    assert f"schema version {len(missing)}" in after.stdout


def test_a_database_that_does_not_answer_is_an_error_with_a_hint(tmp_path: Path) -> None:
    done = mayfly("migrate", folder=tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
