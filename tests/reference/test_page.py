"""docs/reference.md says what the tests show, and every row has a test or is open."""

from __future__ import annotations

import pytest

from tests.reference.page import PAGE, Shown, read_tests, written
from tests.reference.rows import OPEN, PARTLY, ROWS, SHOWN_BY

# Every heading of the two documents that stands over a code block; `(…)` tells blocks of one heading apart.
HEADINGS = {
    "API Comparison",
    "Action Processing",
    "Action Results",
    "Agent Discovery",
    "Async Mode with Callbacks",
    "Connection Management",
    "Connection Management (batch)",
    "Conversation Length",
    "Core Interface",
    "Database Abstraction",
    "ElizaOS Type Guard",
    "Embedding Generation",
    "Environment Variables",
    "Error Handling",
    "Error Handling (planned tool call)",
    "Events",
    "Health Monitoring",
    "Initialization Sequence",
    "Memory Operations",
    "Message Routing",
    "Multi-Agent Communication",
    "Planned Tool Execution",
    "Plugin Loading Order",
    "Plugin Management",
    "Processing Steps",
    "Quick Start (Python)",
    "Quick Start (Rust)",
    "Quick Start (TypeScript)",
    "Quick Start with ElizaOS",
    "Run Tracking",
    "Run Tracking (message service)",
    "Runtime Configuration",
    "Serverless / Edge Deployment",
    "Service Management",
    "Service Pooling",
    "Settings Management",
    "State Caching",
    "State Composition",
    "World Management",
}


@pytest.fixture(scope="module")
def shown() -> Shown:
    return read_tests()


@pytest.fixture(autouse=True)
def environment() -> None:
    """These tests read files alone: no database, no model's server."""


def test_every_row_has_a_test_or_is_open(shown: Shown) -> None:
    assert set(ROWS) == {row for row, tests in shown.rows.items() if tests} | set(OPEN)


def test_no_row_is_open_that_has_a_test(shown: Shown) -> None:
    assert not {row for row in OPEN if shown.rows.get(row)}


def test_a_row_shown_in_part_has_a_test_and_is_not_open(shown: Shown) -> None:
    assert all(shown.rows.get(row) and row not in OPEN for row in PARTLY)


def test_every_code_block_has_a_test(shown: Shown) -> None:
    assert set(shown.examples) == HEADINGS


def test_the_tests_named_for_a_row_are_there() -> None:
    named = {test for tests in SHOWN_BY.values() for test in tests}
    assert named - read_tests().tests == set()


def test_the_page_is_what_the_tests_say(shown: Shown) -> None:
    assert PAGE.read_text() == written(shown), "stale: run `python -m tests.reference.page`"
