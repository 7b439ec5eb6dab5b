"""Makes docs/reference.md from the tests: `python -m tests.reference.page` writes it, a test holds it."""

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

Made from the tests by `python -m tests.reference.page`; a test fails when a row has no test, or when this page is
not what the tests say. A row is *shown* when tests of the suite show it: they pass, or the suite fails. A row is
*open* when the work that closes it is not done, and *in part* when the tests leave something out.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tests say: tests by row and by heading of the documents, and every test there is."""

    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tests: set[str] = field(default_factory=set)


def read_tests() -> Shown:
    """Read every test's marks without running any."""
    shown = Shown()
    for folder in TESTS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            _read(path, shown)
    for row, tests in SHOWN_BY.items():
        shown.rows[row].extend(tests)
    return shown


def _read(path: Path, shown: Shown) -> None:
    source = path.read_text()
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            test = f"{file}::{node.name}"
            shown.tests.add(test)
            for mark, arguments in _marks(node):
                found = {"spec": shown.rows, "example": shown.examples}.get(mark, {})
                for argument in arguments:
                    found.setdefault(argument, []).append(test)


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[tuple[str, list[str]]]:
    """The `pytest.mark`s of a test that take texts."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
            constants = [each.value for each in decorator.args if isinstance(each, ast.Constant)]
            yield decorator.func.attr, [each for each in constants if isinstance(each, str)]


def written(shown: Shown) -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *_rows(shown.rows), "", *_examples(shown.examples), ""])


def _rows(shown: Mapping[str, list[str]]) -> Iterator[str]:
    yield "## Rows of the specification\n"
    yield "| row | what | status | tests |"
    yield "|---|---|---|---|"
    for row, title in ROWS.items():
        yield f"| {row} | {title} | {_status(row)} | {_listed(shown.get(row, []))} |"


def _status(row: str) -> str:
    if row in OPEN:
        return f"open: {OPEN[row]}"
    return f"in part; open: {PARTLY[row]}" if row in PARTLY else "shown"


def _examples(shown: Mapping[str, list[str]]) -> Iterator[str]:
    yield "## Code blocks of the documents, by heading\n"
    yield "| heading | tests |"
    yield "|---|---|"
    for heading in sorted(shown):
        yield f"| {heading} | {_listed(shown[heading])} |"


def _listed(tests: list[str]) -> str:
    return "<br>".join(f"[`{name}`](../{file})" for file, _, name in (each.partition("::") for each in tests))


if __name__ == "__main__":
    PAGE.write_text(written(read_tests()))
