"""The types of the plugin API: mypy accepts right plugins and finds each mistake; `make types-api` asks pyright."""

from __future__ import annotations

from tests.typing.check import compare, run_mypy


def test_mypy_finds_the_marked_errors_and_no_other() -> None:
    assert compare(run_mypy()) == []
