"""Rule-based conversation in the manner of ELIZA, with a memory of statements.

Source:
    J. Weizenbaum, "ELIZA: a computer program for the study of natural language communication between
    man and machine", Communications of the ACM 9 (1966): ranked keywords, decomposition and
    reassembly, reflection, and the memory used when no keyword matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from runtime_core.adapters.local.clause import Clause, Word
from runtime_core.adapters.local.pattern import Span
from runtime_core.adapters.local.rulebook import Rulebook
from runtime_core.adapters.local.script import NAMELESS, PLACEHOLDER, Keyword, Rule
from runtime_core.domain.frozen import dataclass

_MAX_QUOTED_WORDS = 14  # a longer quotation in a reply reads like an echo
_MAX_NAME_WORDS = 3
_MAX_NAME_CHARACTERS = 40
_MAX_MEMORY_WORDS = 9  # of a statement to quote much later
_URGENT_RANK = 60  # keywords above this rank are answered first
_REPEAT_WORDS = 3  # shorter messages ("yes") often repeat
_MEMORY_REST = 2  # turns before a remembered statement may be quoted

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """Matching replies to use in turn.

    An offer has the name of its rule and the rule's reflected captures.
    """

    source: str
    replies: tuple[str, ...]
    quotes: tuple[str, ...] = ()
    memory: _Remembered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """Statement to return to later."""

    source: str
    rule: Rule
    quotes: tuple[str, ...]
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Chosen reply: its index in the offer, and its text."""

    offer: _Offer
    place: int
    reply: str


@dataclass(slots=True, kw_only=True)
class _Person:
    """State of one speaker of the conversation."""

    name: str | None
    introduced: bool = False
    last: tuple[str, ...] = ()
    memories: list[_Remembered] = field(default_factory=list)


class Conversation:
    """Conversation from its beginning.

    It is deterministic for the same messages in the same order.
    """

    def __init__(self, rules: Rulebook, *, character: str | None = None) -> None:
        self._rules = rules
        self._script = rules.script
        self._character = character
        self._people: dict[str, _Person] = {}
        self._next: dict[str, int] = {}
        self._turn = 0
        self._last_reply = ""

    def open(self) -> str:
        """Return the opening line."""
        return self._first([self._situation("start")], _Person(name=None), ())

    def listen(self, text: str, *, speaker: str | None = None) -> None:
        """Read a message without replying."""
        clauses = self._rules.reader.read(text)
        person = self._enter(clauses, speaker)
        self._keep(clauses, person)

    def answer(self, text: str, *, speaker: str | None = None, said: Sequence[str] = ()) -> str:
        """Reply to a message.

        Args:
            speaker: Author of the message, if there are several; each has their own name and memories.
            said: The actual replies to an earlier message, from which the conversation continues.
        """
        clauses = self._rules.reader.read(text)
        person = self._enter(clauses, speaker)
        reply = self._first(self._offers(text, clauses, person), person, said)
        self._keep(clauses, person)
        return reply

    def _enter(self, clauses: Sequence[Clause], speaker: str | None) -> _Person:
        self._turn += 1
        known = speaker if speaker and speaker.lower() not in self._script.not_names else None
        person = self._people.setdefault(speaker or "", _Person(name=known))
        told = next((name for clause in clauses if (name := self._name_in(clause))), None)
        person.introduced = told is not None and told != person.name
        person.name = told or person.name
        return person

    def _name_in(self, clause: Clause) -> str | None:
        for pattern in (*self._script.names, *self._script.introductions):
            spans = pattern.match(clause.words, self._script.classes)
            if spans is None or clause.question:
                continue
            words = clause.words[slice(*spans[-1])]
            if pattern in self._script.introductions and (len(words) > 1 or not words[0].raw.istitle()):
                continue
            return self._as_name(words)
        return None

    def _as_name(self, words: Sequence[Word]) -> str | None:
        first = words[0]
        if first.norm in self._script.not_names or len(first.raw) > _MAX_NAME_CHARACTERS:
            return None
        more = 1
        while more < min(len(words), _MAX_NAME_WORDS) and words[more].raw.istitle():
            more += 1
        return " ".join([first.raw[0].upper() + first.raw[1:], *(word.raw for word in words[1:more])])

    def _keep(self, clauses: Sequence[Clause], person: _Person) -> None:
        person.last = _norms(clauses)
        for clause in clauses:
            if not clause.question and (remembered := self._match_memory(clause)) is not None:
                person.memories.append(remembered)

    def _match_memory(self, clause: Clause) -> _Remembered | None:
        for number, rule in enumerate(self._script.memories, start=1):
            spans = rule.pattern.match(clause.words, self._script.classes)
            if spans is not None and spans[-1][1] - spans[-1][0] <= _MAX_MEMORY_WORDS:
                quotes = self._quotes(clause.words, spans)
                return _Remembered(source=f"memory {number}", rule=rule, quotes=quotes, turn=self._turn)
        return None

    def _first(self, offers: Iterable[_Offer], person: _Person, said: Sequence[str]) -> str:
        """Reply with the first offer that has a reply.

        A reply that differs from the last one is preferred.
        """
        again: _Choice | None = None
        for offer in offers:
            choice = self._choice(offer, person, said)
            if choice is None:
                continue
            if choice.reply != self._last_reply or choice.reply in said:
                return self._say(choice, person, said)
            again = again or choice
        if again is None:
            raise AssertionError("a checked script has a reply for every situation")
        return self._say(again, person, said)

    def _say(self, choice: _Choice, person: _Person, said: Sequence[str]) -> str:
        self._next[choice.offer.source] = choice.place + 1
        if choice.offer.memory is not None:
            person.memories.remove(choice.offer.memory)
        self._last_reply = said[-1] if said else choice.reply
        return choice.reply

    def _offers(self, text: str, clauses: Sequence[Clause], person: _Person) -> Iterator[_Offer]:
        """Yield all possible replies, best first."""
        if not clauses:
            yield self._situation("symbols" if _has_symbols(text) else "silence")
            return
        found = self._rules.found(clauses)
        urgent = sum(keyword.rank > _URGENT_RANK for keyword, _ in found)
        yield from self._keyword_offers(found[:urgent])
        if person.introduced:
            yield self._situation("introduced")
        if _norms(clauses) == person.last and len(person.last) >= _REPEAT_WORDS:
            yield self._situation("repeated")
        yield from self._keyword_offers(found[urgent:])
        if _is_foreign(text):
            yield self._situation("foreign")
        for memory in person.memories:
            if self._turn - memory.turn >= _MEMORY_REST:
                yield _Offer(source=memory.source, replies=memory.rule.replies, quotes=memory.quotes, memory=memory)
        yield self._situation("question" if clauses[-1].question else "statement")

    def _situation(self, name: str) -> _Offer:
        return _Offer(source=name, replies=self._rules.situations[name])

    def _keyword_offers(self, found: Iterable[tuple[Keyword, Clause]]) -> Iterator[_Offer]:
        for keyword, clause in found:
            for number, rule in enumerate(keyword.rules, start=1):
                spans = rule.pattern.match(clause.words, self._script.classes)
                if spans is None or rule.question not in (None, clause.question):
                    continue
                if rule.goto is not None:
                    yield from self._keyword_offers([(self._rules.keyword(rule.goto), clause)])
                else:
                    source = f"{keyword.words[0]} {number}"
                    yield _Offer(source=source, replies=rule.replies, quotes=self._quotes(clause.words, spans))

    def _quotes(self, words: Sequence[Word], spans: Sequence[Span]) -> tuple[str, ...]:
        """Reflect the captures; a capture with too many words becomes empty."""
        quotes: list[str] = []
        for start, end in spans:
            last = end
            while last > start and words[last - 1].norm in self._script.loose_ends:
                last -= 1
            short = last - start <= _MAX_QUOTED_WORDS
            quotes.append(self._script.reflection.turn(words, start, last) if short else "")
        return tuple(quotes)

    def _choice(self, offer: _Offer, person: _Person, said: Sequence[str]) -> _Choice | None:
        """Choose the reply that was said, or the next usable one.

        Returns:
            A choice among the offer's replies; None without any usable reply.
        """
        count, first = len(offer.replies), self._next.get(offer.source, 0)
        possible: list[_Choice] = []
        for step in range(count):
            place = (first + step) % count
            if (reply := self._fill(offer.replies[place], offer.quotes, person)) is not None:
                possible.append(_Choice(offer=offer, place=place, reply=reply))
        given = [each for each in possible if each.reply in said]
        new = [each for each in possible if each.reply != self._last_reply]
        return next(iter([*given, *new, *possible]), None)

    def _fill(self, reply: str, quotes: Sequence[str], person: _Person) -> str | None:
        """Fill the placeholders of a reply; None if one has no value."""
        values = {str(number): quote for number, quote in enumerate(quotes, start=1)}
        values["name"] = person.name or ""
        values["self"] = self._character or ""
        if person.name is not None and NAMELESS in reply:
            return None
        reply = reply.replace(NAMELESS, "")
        if not all(values[name] for name in PLACEHOLDER.findall(reply)):
            return None
        text = PLACEHOLDER.sub(lambda found: values[found[1]], reply)
        text = _SPACES.sub(" ", text).strip()
        return text[0].upper() + text[1:]


def _norms(clauses: Iterable[Clause]) -> tuple[str, ...]:
    return tuple(word.norm for clause in clauses for word in clause.words)


def _has_symbols(text: str) -> bool:
    return any(unicodedata.category(sign)[0] in "SLN" for sign in text)


def _is_foreign(text: str) -> bool:
    letters = [sign for sign in text[:200] if sign.isalpha()]
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    return bool(letters) and latin * 2 < len(letters)
