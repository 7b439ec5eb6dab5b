"""Lookup tables of a script, shared by all conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache

from runtime_core.adapters.local.clause import Clause
from runtime_core.adapters.local.script import Keyword, Script, listener_script


class Rulebook:
    """Script with its reader.

    It holds the situations by name and the keywords by word.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.reader = script.reader()
        self.situations: Mapping[str, tuple[str, ...]] = asdict(script.situations)
        self._by_phrase = {tuple(word.split()): keyword for keyword in script.keywords for word in keyword.words}
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for phrase in self._by_phrase:
            self._phrases.setdefault(phrase[0], []).append(phrase)

    def keyword(self, word: str) -> Keyword:
        """Return the keyword of a word or phrase."""
        return self._by_phrase[tuple(word.split())]

    def found(self, clauses: Sequence[Clause]) -> list[tuple[Keyword, Clause]]:
        """Find the keywords of a message with their clauses.

        Returns:
            Pairs of keyword and clause, by rank, then by position.
        """
        found = [(keyword, clause) for clause in clauses for keyword in self._keywords_in(clause)]
        return sorted(found, key=lambda each: -each[0].rank)

    def _keywords_in(self, clause: Clause) -> Iterator[Keyword]:
        norms = tuple(word.norm for word in clause.words)
        for place, norm in enumerate(norms):
            for phrase in self._phrases.get(norm, ()):
                if norms[place : place + len(phrase)] == phrase:
                    yield self._by_phrase[phrase]


@cache
def listener_rules() -> Rulebook:
    """Load the rulebook of the built-in script; cached."""
    return Rulebook(listener_script())
