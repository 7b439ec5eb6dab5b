"""Guard of the tier: a unit test starts no process and opens no database."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.tiers import refuse_databases, refuse_processes


# The teardown is left out: after the last test it stops the Postgres server of the session's other tiers.
@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with refuse_processes("tests/unit", "tests/integration"), refuse_databases("tests/unit", "tests/component"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with refuse_processes("tests/unit", "tests/integration"), refuse_databases("tests/unit", "tests/component"):
        return (yield)
