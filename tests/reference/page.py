"""Generator of docs/reference.md, run by `python -m tests.reference.page`; a test checks the page."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.reference.rows import OPEN, PARTLY, ROWS, SHOWN_BY

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"
TESTS = ("tests", "runtime_core/testing")
_INTRODUCTION = """# The reference, and the tests that show it

Generated from the tests by `python -m tests.reference.page`. The suite fails if a row has no test, or if this page is
outdated. A row is *shown* if tests of the suite cover it, *in part* if they omit something, and *open* if the work is
not done.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """Tests by row of the specification, tests by heading of the documents, and all tests."""

    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tests: set[str] = field(default_factory=set)


def read_tests() -> Shown:
    """Read the marks of all tests, without importing them."""
    shown = Shown()
    for folder in TESTS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            _read_file(path, shown)
    for row, tests in SHOWN_BY.items():
        shown.rows[row].extend(tests)
    return shown


def _read_file(path: Path, shown: Shown) -> None:
    source = path.read_text()
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            test = f"{file}::{node.name}"
            shown.tests.add(test)
            for mark, arguments in _find_marks(node):
                found = {"spec": shown.rows, "example": shown.examples}.get(mark, {})
                for argument in arguments:
                    found.setdefault(argument, []).append(test)


def _find_marks(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[tuple[str, list[str]]]:
    """Find the `pytest.mark`s of a test that have texts as arguments."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
            constants = [each.value for each in decorator.args if isinstance(each, ast.Constant)]
            yield decorator.func.attr, [each for each in constants if isinstance(each, str)]


def format_page(shown: Shown) -> str:
    """Format the page as Markdown."""
    return "\n".join([_INTRODUCTION, *_format_rows(shown.rows), "", *_format_examples(shown.examples), ""])


def _format_rows(shown: Mapping[str, list[str]]) -> Iterator[str]:
    yield "## Rows of the specification\n"
    yield "| row | what | status | tests |"
    yield "|---|---|---|---|"
    for row, title in ROWS.items():
        yield f"| {row} | {title} | {_format_status(row)} | {_format_tests(shown.get(row, []))} |"


def _format_status(row: str) -> str:
    if row in OPEN:
        return f"open: {OPEN[row]}"
    return f"in part; open: {PARTLY[row]}" if row in PARTLY else "shown"


def _format_examples(shown: Mapping[str, list[str]]) -> Iterator[str]:
    yield "## Code blocks of the documents, by heading\n"
    yield "| heading | tests |"
    yield "|---|---|"
    for heading in sorted(shown):
        yield f"| {heading} | {_format_tests(shown[heading])} |"


def _format_tests(tests: list[str]) -> str:
    return "<br>".join(f"[`{name}`](../{file})" for file, _, name in (each.partition("::") for each in tests))


if __name__ == "__main__":
    PAGE.write_text(format_page(read_tests()))
