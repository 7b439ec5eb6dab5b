"""Decomposition patterns, which match clauses and capture words.

A pattern is a sequence of elements: a word (`because`), alternatives (`want|need`), a class of the script
(`@family`), any number of words (`*`), or at least one word (`+`). The matches of `*`, `+` and `@class`
are the captures, numbered from 1, left to right; wildcards match as few words as possible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from runtime_core.adapters.local.clause import Word

Span: TypeAlias = tuple[int, int]
Classes: TypeAlias = Mapping[str, Set[str]]

_ELEMENT = re.compile(r"\*|\+|@[a-z_]+|[^\W_A-Z]+(?:['-][^\W_A-Z]+)*(?:\|[^\W_A-Z]+(?:['-][^\W_A-Z]+)*)*")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Parsed pattern; `text` is its source."""

    text: str
    elements: tuple[str, ...]

    @property
    def captures(self) -> int:
        return sum(_captures(each) for each in self.elements)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(each[1:] for each in self.elements if each.startswith("@"))

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word for each in self.elements if each[0] not in "*+@" for word in each.split("|"))

    def match(self, words: Sequence[Word], classes: Classes) -> tuple[Span, ...] | None:
        """Match a whole clause.

        Returns:
            The captures as spans of `words`; None without a match.
        """
        return self._match_rest(words, classes, 0, 0)

    def _match_rest(self, words: Sequence[Word], classes: Classes, element: int, start: int) -> tuple[Span, ...] | None:
        if element == len(self.elements):
            return () if start == len(words) else None
        kind = self.elements[element]
        for end in self._ends(kind, words, classes, element, start):
            if (rest := self._match_rest(words, classes, element + 1, end)) is not None:
                return ((start, end), *rest) if _captures(kind) else rest
        return None

    def _ends(self, kind: str, words: Sequence[Word], classes: Classes, element: int, start: int) -> Sequence[int]:
        """List the possible ends of an element, nearest first.

        Args:
            start: Position at which the element begins.
        """
        if kind in "*+":
            least = start + (kind == "+")
            if element == len(self.elements) - 1:
                return (len(words),) if least <= len(words) else ()
            return range(least, len(words) + 1)
        fits = start < len(words) and (
            words[start].norm in classes[kind[1:]] if kind[0] == "@" else words[start].norm in kind.split("|")
        )
        return (start + 1,) if fits else ()


def parse_pattern(text: object) -> Pattern:
    """Parse a pattern.

    Raises:
        ValueError: An element is invalid; names it (pydantic makes it an error of the rule).
    """
    if isinstance(text, Pattern):
        return text
    elements = tuple(text.split()) if isinstance(text, str) else ()
    if not elements:
        raise ValueError("a pattern must be a text of words, *, + and @classes")
    for element in elements:
        if not _ELEMENT.fullmatch(element):
            raise ValueError(f"{element!r} is not a word in lower case, *, + or @class (in the pattern {text!r})")
    return Pattern(str(text), elements)


def _captures(element: str) -> bool:
    return element in "*+" or element.startswith("@")
