"""Parser of messages into clauses of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Set

from runtime_core.domain.frozen import dataclass

# Limits of a message: enough for anything a person types, and a bound on the work of a text.
MAX_CHARACTERS = 8_000
MAX_CLAUSE_WORDS = 60

# Typographic marks and their plain forms; Chinese and Japanese marks get a space, which they lack.
_PLAIN_MARKS = str.maketrans(
    {"\u2019": "'", "\uff1f": "? ", "\uff01": "! ", "\uff0c": ", ", "\u3001": ", ", "\u3002": ". "}
)
_BREAK = re.compile(r"[.!?;:,…]+(?=\s|$)|[\n()\[\]\"“”«»—–]+|\s-+\s")  # noqa: RUF001 - the dash is intended
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+|[.,:+*/]\d+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """Word in its compared form (`norm`, lower case) and as written (`raw`)."""

    norm: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Words without a break; `question` if a question mark ends them."""

    words: tuple[Word, ...]
    question: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Splitter of texts into clauses.

    Attributes:
        substitutions: Replacements of words as typed (`dont` → `don't`); a value may be several words.
        joints: Words that separate clauses (`but`) and belong to none.
        vocabulary: Words to put in lower case at the start of a sentence; other words there may be names.
    """

    substitutions: Mapping[str, str]
    joints: Set[str]
    vocabulary: Set[str]

    def read(self, text: str) -> tuple[Clause, ...]:
        """Split a text into clauses, in order; empty without a word."""
        plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS].translate(_PLAIN_MARKS))
        if plain.isupper() and len(plain) > 3:
            plain = plain.lower()
        clauses: list[Clause] = []
        starts_sentence = True
        for piece, mark in _split_at_breaks(plain):
            runs = self._split_at_joints(piece, starts_sentence)
            clauses.extend(Clause(words=run) for run in runs[:-1])
            if runs:
                clauses.append(Clause(words=runs[-1], question="?" in mark))
            starts_sentence = "," not in mark
        return tuple(clauses)

    def _split_at_joints(self, piece: str, starts_sentence: bool) -> list[tuple[Word, ...]]:
        runs: list[list[Word]] = [[]]
        for place, found in enumerate(_WORD.finditer(piece)):
            raw = found.group()
            norm = raw.lower()
            if norm in self.joints:
                runs.append([])
                continue
            if norm in self.substitutions:
                runs[-1].extend(Word(each.lower(), each) for each in self.substitutions[norm].split())
                continue
            small = place == 0 and starts_sentence and norm in self.vocabulary
            runs[-1].append(Word(norm, norm if small else raw))
        return [tuple(run[:MAX_CLAUSE_WORDS]) for run in runs if run]


def _split_at_breaks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text between breaks, each with its final break."""
    start = 0
    for found in _BREAK.finditer(text):
        yield text[start : found.start()], found.group()
        start = found.end()
    yield text[start:], ""
