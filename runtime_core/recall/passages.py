"""Splitting of documents into passages, at headings, paragraphs and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_core.domain.frozen import dataclass
from runtime_core.queues.embedding.packing import cut, estimate_tokens

PASSAGE_TOKENS = 400  # enough context to be useful; five fit into a prompt with the conversation
_SMALL_TOKENS = 60  # smaller sections are joined with the next one
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$")
_FENCE = re.compile(r"^[ \t]*(```|~~~)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document; `headings` are those above it, outermost first."""

    text: str
    headings: tuple[str, ...] = ()

    @property
    def full_text(self) -> str:
        """The stored and searched text: the headings, then the passage."""
        return f"{' > '.join(self.headings)}\n{self.text}" if self.headings else self.text


def split_passages(markdown: str, *, tokens: int = PASSAGE_TOKENS) -> list[Passage]:
    """Split Markdown or plain text into passages.

    Each has at most `tokens` estimated tokens. A passage does not span a heading, except that small neighbouring
    sections are joined. Headings in fenced code are text.
    """
    found: list[Passage] = []
    for section in _join_small(list(_split_sections(markdown)), tokens):
        found += [Passage(text=piece.strip(), headings=section.headings) for piece in cut(section.text, tokens)]
    return found


def _split_sections(markdown: str) -> Iterator[Passage]:
    """Split a text at its headings."""
    open_headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        yield from _make_section(lines, open_headings)
        level = len(heading[1])
        open_headings = [*(each for each in open_headings if each[0] < level), (level, heading[2])]
        lines = []
    yield from _make_section(lines, open_headings)


def _make_section(lines: list[str], headings: list[tuple[int, str]]) -> Iterator[Passage]:
    text = "\n".join(lines).strip()
    if text:
        yield Passage(text=text, headings=tuple(title for _, title in headings))


def _join_small(sections: list[Passage], tokens: int) -> Iterator[Passage]:
    """Join neighbouring small sections under the headings they share."""
    held: Passage | None = None
    for section in sections:
        if held is not None and _can_join(held, section, tokens):
            held = _join(held, section)
            continue
        if held is not None:
            yield held
        held = section
    if held is not None:
        yield held


def _can_join(one: Passage, other: Passage, tokens: int) -> bool:
    small = min(estimate_tokens(one.text), estimate_tokens(other.text)) <= _SMALL_TOKENS
    return small and bool(_shared_headings(one, other)) and estimate_tokens(one.text + other.text) <= tokens // 2


def _join(one: Passage, other: Passage) -> Passage:
    shared = _shared_headings(one, other)
    texts = [
        "\n".join([*each.headings[len(shared) :], each.text]) if each.headings != shared else each.text
        for each in (one, other)
    ]
    return Passage(text="\n\n".join(texts), headings=shared)


def _shared_headings(one: Passage, other: Passage) -> tuple[str, ...]:
    shared = []
    for left, right in zip(one.headings, other.headings, strict=False):
        if left != right:
            break
        shared.append(left)
    return tuple(shared)
