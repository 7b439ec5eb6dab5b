"""Reflection of the user's words to the other speaker.

For example, "you left me" becomes "I left you".

`I`, `me` and `my` have one opposite each. `you` has two; the surrounding words decide between them, so a span is
reflected within its whole clause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar

from runtime_core.adapters.local.clause import Word
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import STRICT

_YOU_FORMS = {"are": "am", "aren't": "am not", "were": "was", "weren't": "wasn't"}
_I_FORMS = {"was": "were", "wasn't": "weren't"}
_SUBJECTS = frozenset({"i", "you", "we", "they", "he", "she", "it", "who"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """Rules of English reflection.

    Attributes:
        swap: Words with one opposite.
        adverbs: May stand between a pronoun and its verb (`you never were`).
        auxiliaries: Verbs that precede their subject in questions (`do you`) and follow it in statements.
        verbs: Common verbs as they follow `you` (`you left`, `you know`).
        conjunctions: Words before a clause, whose subject is then `you`.
        opinion_verbs: Verbs mostly before a clause: `I think you hate me`.
        object_verbs: Verbs with `you` as their object: `I want you to stay`.
        prepositions: Words after which `you` becomes `me`.
        suppositions: Words after which `were` stays: `if you were me` → `if I were you`.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    swap: Mapping[str, str]
    adverbs: frozenset[str] = field(default_factory=frozenset)
    auxiliaries: frozenset[str] = field(default_factory=frozenset)
    verbs: frozenset[str] = field(default_factory=frozenset)
    conjunctions: frozenset[str] = field(default_factory=frozenset)
    opinion_verbs: frozenset[str] = field(default_factory=frozenset)
    object_verbs: frozenset[str] = field(default_factory=frozenset)
    prepositions: frozenset[str] = field(default_factory=frozenset)
    suppositions: frozenset[str] = field(default_factory=frozenset)

    @property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.swap).union(
            {"you"},
            self.adverbs,
            self.auxiliaries,
            self.verbs,
            self.conjunctions,
            self.opinion_verbs,
            self.object_verbs,
            self.prepositions,
        )

    def turn(self, words: Sequence[Word], start: int = 0, end: int | None = None) -> str:
        """Reflect the words of a span."""
        return " ".join(self._turn_word(words, place) for place in range(start, len(words) if end is None else end))

    def _turn_word(self, words: Sequence[Word], place: int) -> str:
        norm = words[place].norm
        if norm == "you":
            return "I" if self._is_subject(words, place) else "me"
        if norm in self.swap:
            return self.swap[norm]
        if norm == "were" and place >= 2 and words[place - 2].norm in self.suppositions:
            return norm
        if norm in _YOU_FORMS and self._has_subject(words, place, "you"):
            return _YOU_FORMS[norm]
        if norm in _I_FORMS and self._has_subject(words, place, "i"):
            return _I_FORMS[norm]
        return words[place].raw

    def _has_subject(self, words: Sequence[Word], place: int, pronoun: str) -> bool:
        """Check whether the pronoun is the verb's subject.

        A subject is before the verb or, in a question, after it.
        """
        before = place - 1
        while before >= 0 and words[before].norm in self.adverbs:
            before -= 1
        for other in (before, place + 1):
            if 0 <= other < len(words) and words[other].norm == pronoun:
                return pronoun != "you" or self._is_subject(words, other)
        return False

    def _is_subject(self, words: Sequence[Word], place: int) -> bool:
        """Check whether the `you` is a subject rather than an object."""
        behind = words[place + 1].norm if place + 1 < len(words) else ""
        if place == 0:
            return bool(behind)
        before = words[place - 1].norm
        if self._is_inversion(words, place):
            return True
        if not behind or before in self.prepositions:
            return False
        if before in self.conjunctions or behind in self.auxiliaries:
            return True
        acts = behind in self.verbs or behind in self.adverbs
        if before in self.opinion_verbs:
            return acts
        return acts and before not in self.object_verbs

    def _is_inversion(self, words: Sequence[Word], place: int) -> bool:
        """Check for an auxiliary before its subject.

        `do you` is an inversion, `they have you` is not.
        """
        if words[place - 1].norm not in self.auxiliaries:
            return False
        return place == 1 or words[place - 2].norm not in _SUBJECTS
