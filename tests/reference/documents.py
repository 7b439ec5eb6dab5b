"""Digest of the two reference documents: their headings, code blocks and methods.

The documents are not part of the repository. `python -m tests.reference.documents FOLDER` rewrites the digest from a
folder with the documents; if `REFERENCE_DOCUMENTS` names such a folder, a test compares the two.
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
_OPEN_METHOD = re.compile(r"^ *(\w+)\((?:\{)?$")  # its parameters are on the following lines
_CALL = re.compile(r"\b(runtime|elizaOS)\.(\w+)\(")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Documents:
    """The digest of the documents.

    Attributes:
        headings: Every heading, without its number.
        blocks: Heading, language and hash of each code block, in order, without diagrams.
        methods: Methods of a runtime in interfaces and examples, in snake case.
        orchestrator: Methods of `ElizaOS` in examples, in snake case.
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


def load_digest() -> Documents:
    """Read the digest in the repository."""
    lines = [line.split("\t") for line in LIST.read_text().splitlines()]
    return Documents(
        headings=frozenset(rest[0] for kind, *rest in lines if kind == "heading"),
        blocks=tuple((rest[0], rest[1], rest[2]) for kind, *rest in lines if kind == "block"),
        methods=frozenset(rest[0] for kind, *rest in lines if kind == "method"),
        orchestrator=frozenset(rest[0] for kind, *rest in lines if kind == "orchestrator"),
    )


def documents_folder() -> Path | None:
    """Read the folder of the documents from the environment; None if unset."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read_documents(documents: Path) -> Documents:
    """Compute the digest of the documents."""
    headings: set[str] = set()
    blocks: list[tuple[str, str, str]] = []
    code: list[str] = []
    for path in sorted(documents.glob("*.txt")):
        for heading, language, lines in _split(path.read_text()):
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
        methods=frozenset({*_find_methods(code), *(name for who, name in called if who == "runtime")}),
        orchestrator=frozenset(name for who, name in called if who == "elizaOS"),
    )


def _split(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Split a document into headings, and code blocks with their headings."""
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


def _find_methods(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if found := _METHOD.match(line) or _OPEN_METHOD.match(line):
            yield _snake_case(next(each for each in found.groups() if each))


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("ElizaOS", "ElizaOs")).lower()


if __name__ == "__main__":
    LIST.write_text("\n".join(read_documents(Path(sys.argv[1])).lines()) + "\n")
