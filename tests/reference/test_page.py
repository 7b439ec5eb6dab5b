"""docs/reference.md matches the tests, and each row has a test or is open."""

from __future__ import annotations

import pytest

from runtime_core import AgentRuntime, ElizaOS
from tests.reference.documents import VARIABLE, documents_folder, load_digest, read_documents
from tests.reference.page import PAGE, Shown, format_page, read_tests
from tests.reference.rows import OPEN, PARTLY, ROWS, SHOWN_BY


@pytest.fixture(scope="module")
def shown() -> Shown:
    return read_tests()


@pytest.fixture(autouse=True)
def environment() -> None:
    """Override the environment fixture: these tests read only files."""


def test_every_row_has_a_test_or_is_open(shown: Shown) -> None:
    assert set(ROWS) == {row for row, tests in shown.rows.items() if tests} | set(OPEN)


def test_no_row_is_open_that_has_a_test(shown: Shown) -> None:
    assert not {row for row in OPEN if shown.rows.get(row)}


def test_a_row_shown_in_part_has_a_test_and_is_not_open(shown: Shown) -> None:
    assert all(shown.rows.get(row) and row not in OPEN for row in PARTLY)


def test_every_code_block_of_the_documents_has_a_test(shown: Shown) -> None:
    documents = load_digest()
    assert {heading for heading, _, _ in documents.blocks} - _headings(shown) == set()
    assert _headings(shown) <= documents.headings


def _headings(shown: Shown) -> set[str]:
    """List the headings of the examples, without the `(…)` that distinguishes blocks of one heading."""
    return {example.partition(" (")[0] for example in shown.examples}


def test_every_method_of_the_documents_is_there() -> None:
    documents = load_digest()
    assert {each for each in documents.methods if not callable(getattr(AgentRuntime, each, None))} == set()
    assert {each for each in documents.orchestrator if not callable(getattr(ElizaOS, each, None))} == set()


@pytest.mark.skipif(documents_folder() is None, reason=f"{VARIABLE} names no folder with the documents")
def test_the_list_is_what_the_documents_hold() -> None:
    given = documents_folder()
    assert given is not None
    assert load_digest() == read_documents(given), f"stale: run `python -m tests.reference.documents {given}`"


def test_the_tests_named_for_a_row_are_there() -> None:
    named = {test for tests in SHOWN_BY.values() for test in tests}
    assert named - read_tests().tests == set()


def test_the_page_is_what_the_tests_say(shown: Shown) -> None:
    assert PAGE.read_text() == format_page(shown), "stale: run `python -m tests.reference.page`"
