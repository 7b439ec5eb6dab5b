"""What the reference's two documents hold: their headings, code blocks and methods, kept here in short.

The documents themselves are not part of the repository. `python -m tests.reference.documents FOLDER` writes the list
anew from a folder that holds them; a test compares the two where `REFERENCE_DOCUMENTS` names such a folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent / "documents.txt"
VARIABLE = "REFERENCE_DOCUMENTS"
_HEADING = re.compile(r"^#{2,6} (?:\d+\. )?(.+)$")
_FENCE = re.compile(r"^\s*(`{3,})(\w*)")
_METHOD = re.compile(r"^ +(?:async )?(\w+)(?:<[^(]*>)?\(.*\): [^{]*;?$|^(\w+)\(.*\): .*;$|^ +(?:async )?def (\w+)\(")
_OPEN_METHOD = re.compile(r"^ *(\w+)\((?:\{)?$")  # its parameters stand on lines of their own
_CALL = re.compile(r"\b(runtime|elizaOS)\.(\w+)\(")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents in short.

    Attributes:
        headings: Every heading, without its number.
        blocks: Heading, language and digest of each block of code, in order; diagrams are none.
        methods: The methods of a runtime that interfaces show and examples call, in snake case.
        orchestrator: Those of `ElizaOS` that examples call.
    """

    headings: frozenset[str]
    blocks: tuple[tuple[str, str, str], ...]
    methods: frozenset[str]
    orchestrator: frozenset[str]

    def lines(self) -> Iterator[str]:
        yield from (f"heading\t{each}" for each in sorted(self.headings))
        yield from (f"block\t{heading}\t{language}\t{digest}" for heading, language, digest in self.blocks)
        yield from (f"method\t{each}" for each in sorted(self.methods))
        yield from (f"orchestrator\t{each}" for each in sorted(self.orchestrator))


def kept() -> Documents:
    """The list in the repository."""
    lines = [line.split("\t") for line in LIST.read_text().splitlines()]
    return Documents(
        headings=frozenset(rest[0] for kind, *rest in lines if kind == "heading"),
        blocks=tuple((rest[0], rest[1], rest[2]) for kind, *rest in lines if kind == "block"),
        methods=frozenset(rest[0] for kind, *rest in lines if kind == "method"),
        orchestrator=frozenset(rest[0] for kind, *rest in lines if kind == "orchestrator"),
    )


def folder() -> Path | None:
    """Where the documents are, if they are here."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read(documents: Path) -> Documents:
    """Read the documents themselves."""
    headings: set[str] = set()
    blocks: list[tuple[str, str, str]] = []
    code: list[str] = []
    for path in sorted(documents.glob("*.txt")):
        for heading, language, lines in _parts(path.read_text()):
            headings.add(heading)
            if language not in ("", "mermaid"):
                digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGITS]
                blocks.append((heading, language, digest))
            if language in ("typescript", "python"):
                code.extend(lines)
    called = {(who, _snake_case(name)) for line in code for who, name in _CALL.findall(line)}
    return Documents(
        headings=frozenset(headings),
        blocks=tuple(blocks),
        methods=frozenset({*_methods(code), *(name for who, name in called if who == "runtime")}),
        orchestrator=frozenset(name for who, name in called if who == "elizaOS"),
    )


def _parts(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each heading, and each block of code with the heading it stands under."""
    heading, language, fence = "", "", ""
    lines: list[str] = []
    for line in text.splitlines():
        found = _FENCE.match(line)
        if fence:
            if found and not found[2]:
                yield heading, language, lines
                fence = ""
            else:
                lines.append(line)
        elif found:
            fence, language, lines = found[1], found[2], []
        elif title := _HEADING.match(line):
            heading = title[1]
            yield heading, "", []


def _methods(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if found := _METHOD.match(line) or _OPEN_METHOD.match(line):
            yield _snake_case(next(each for each in found.groups() if each))


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("ElizaOS", "ElizaOs")).lower()


if __name__ == "__main__":
    LIST.write_text("\n".join(read(Path(sys.argv[1])).lines()) + "\n")
