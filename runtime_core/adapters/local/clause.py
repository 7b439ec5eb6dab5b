"""A message as the conversation reads it: clauses of words, cut where one thought ends and the next begins."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Set

from runtime_core.domain.frozen import dataclass

# What is read of a message: enough for everything a person types, and a bound on the work a text can cause.
MAX_CHARACTERS = 8_000
MAX_CLAUSE_WORDS = 60

# Typographic marks as the plain ones; those of Chinese and Japanese have no space behind them.
_PLAIN_MARKS = str.maketrans(
    {"\u2019": "'", "\uff1f": "? ", "\uff01": "! ", "\uff0c": ", ", "\u3001": ", ", "\u3002": ". "}
)
_BREAK = re.compile(r"[.!?;:,…]+(?=\s|$)|[\n()\[\]\"“”«»—–]+|\s-+\s")  # noqa: RUF001 - the dash is meant
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+|[.,:+*/]\d+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared (`norm`, lower case), and as it was written (`raw`)."""

    norm: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A run of words without a break in it; `question` when a question mark ends it."""

    words: tuple[Word, ...]
    question: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Cuts texts into clauses.

    Attributes:
        substitutions: What is read for a word as people type it (`dont` → `don't`); the value may be several words.
        joints: Words that begin another thought (`but`); they belong to no clause.
        vocabulary: Words that are written small at the start of a sentence; others there may be names.
    """

    substitutions: Mapping[str, str]
    joints: Set[str]
    vocabulary: Set[str]

    def read(self, text: str) -> tuple[Clause, ...]:
        """Cut a text, in order; empty when it holds no word."""
        plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS].translate(_PLAIN_MARKS))
        if plain.isupper() and len(plain) > 3:
            plain = plain.lower()
        clauses: list[Clause] = []
        starts_sentence = True
        for piece, mark in _pieces(plain):
            runs = self._runs(piece, starts_sentence)
            clauses.extend(Clause(words=run) for run in runs[:-1])
            if runs:
                clauses.append(Clause(words=runs[-1], question="?" in mark))
            starts_sentence = "," not in mark
        return tuple(clauses)

    def _runs(self, piece: str, starts_sentence: bool) -> list[tuple[Word, ...]]:
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


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The stretches between breaks, each with the break that ends it."""
    start = 0
    for found in _BREAK.finditer(text):
        yield text[start : found.start()], found.group()
        start = found.end()
    yield text[start:], ""
