"""Script of a conversation, as data checked on reading."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from runtime_core.adapters.local.clause import Reader
from runtime_core.adapters.local.pattern import Pattern, parse_pattern
from runtime_core.adapters.local.reflection import Reflection
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import STRICT
from runtime_core.domain.values import coerce
from runtime_core.errors import InvalidInput

LISTENER = Path(__file__).parent / "scripts" / "listener.toml"

NAMELESS = "{!name}"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Replies to clauses that match a pattern.

    Attributes:
        replies: Replies to use in turn. `{1}` is the first capture, reflected; `{name}` is the user's name and `{self}`
            the character's; `{!name}` is empty, and limits a reply to users with an unknown name. A reply is skipped
            if a placeholder has no value or too many words.
        goto: Word of another keyword, whose rules are tried instead of replies.
        question: True matches only questions, False only statements.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    pattern: Annotated[Pattern, BeforeValidator(parse_pattern)]
    replies: tuple[str, ...] = ()
    goto: str | None = None
    question: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """Words that trigger rules; keywords of the highest rank are tried first.

    Attributes:
        words: Equivalent words and phrases.
        rules: Rules in the order to try; if none matches, the next keyword is tried.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    words: tuple[str, ...]
    rules: tuple[Rule, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situations:
    """Replies for situations without a matching keyword.

    Attributes:
        start: The conversation begins.
        introduced: The user just gave a name.
        silence: The message is only punctuation.
        symbols: The message is only emoji or other symbols.
        foreign: The message is in a non-Latin script.
        repeated: The user repeats a message.
        question: No rule matches a question.
        statement: No rule matches a statement.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    start: tuple[str, ...]
    introduced: tuple[str, ...]
    silence: tuple[str, ...]
    symbols: tuple[str, ...]
    foreign: tuple[str, ...]
    repeated: tuple[str, ...]
    question: tuple[str, ...]
    statement: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Complete script.

    Attributes:
        substitutions: Replacements of words as typed (`dont` → `don't`).
        joints: Words that separate clauses (`but`).
        classes: Groups of words that patterns refer to as `@class`.
        names: Patterns whose first capture is the user's name.
        introductions: Such patterns in which only a capitalized word is a name (`I am Anna`).
        not_names: Words that are not names, even in such a position.
        loose_ends: Words to drop from the end of a quotation.
        memories: Statements to return to later, with the replies.
    """

    __pydantic_config__: ClassVar[Any] = STRICT

    reflection: Reflection
    situations: Situations
    keywords: tuple[Keyword, ...]
    memories: tuple[Rule, ...] = ()
    classes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    substitutions: Mapping[str, str] = field(default_factory=dict)
    joints: frozenset[str] = field(default_factory=frozenset)
    names: tuple[Annotated[Pattern, BeforeValidator(parse_pattern)], ...] = ()
    introductions: tuple[Annotated[Pattern, BeforeValidator(parse_pattern)], ...] = ()
    not_names: frozenset[str] = field(default_factory=frozenset)
    loose_ends: frozenset[str] = field(default_factory=frozenset)

    def reader(self) -> Reader:
        """Make a reader with the words of this script."""
        phrases = [word for keyword in self.keywords for word in keyword.words]
        patterns = [*self.names, *self.introductions, *(rule.pattern for _, rule in _rules(self))]
        vocabulary = self.reflection.vocabulary.union(
            *self.classes.values(), *(phrase.split() for phrase in phrases), *(each.words for each in patterns)
        )
        return Reader(substitutions=self.substitutions, joints=self.joints, vocabulary=vocabulary)


def listener_script() -> Script:
    """Read the built-in script."""
    return read_script(LISTENER.read_text(encoding="utf-8"), name=LISTENER.name)


def read_script(text: str, *, name: str) -> Script:
    """Read a script from TOML.

    Args:
        name: Name of the script in error texts.

    Raises:
        InvalidInput: A rule is wrong; names it and the script.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"is not TOML: {error}", path=name) from error
    script = coerce(Script, tables, name=name)
    _check(script, name)
    return script


def _check(script: Script, name: str) -> None:
    words = _keyword_by_word(script, name)
    for place, rule in _rules(script):
        _check_rule(rule, script, words, f"{name}: {place}")
    for keyword in script.keywords:
        _check_gotos(keyword, words, name)
    for situation, replies in asdict(script.situations).items():
        path = f"{name}: situations.{situation}"
        for reply in replies:
            _check_reply(reply, 0, path)
        if all(PLACEHOLDER.search(reply) for reply in replies):
            raise InvalidInput("needs at least one reply without a placeholder", path=path)


def _check_rule(rule: Rule, script: Script, words: Mapping[str, Keyword], path: str) -> None:
    for unknown in (each for each in rule.pattern.class_names if each not in script.classes):
        raise InvalidInput(f"the class {unknown!r} does not exist", path=path)
    if (rule.goto is None) == (not rule.replies):
        raise InvalidInput("needs replies or a goto", path=path)
    if rule.goto is not None and rule.goto not in words:
        raise InvalidInput(f"the goto leads to no keyword {rule.goto!r}", path=path)
    for reply in rule.replies:
        _check_reply(reply, rule.pattern.captures, path)


def _keyword_by_word(script: Script, name: str) -> dict[str, Keyword]:
    words: dict[str, Keyword] = {}
    for keyword in script.keywords:
        if not keyword.words or not keyword.rules:
            raise InvalidInput("needs words and rules", path=f"{name}: keyword {'/'.join(keyword.words)!r}")
        for word in keyword.words:
            if word in words:
                raise InvalidInput("is a duplicate keyword", path=f"{name}: keyword {word!r}")
            if word != word.lower():
                raise InvalidInput("is not in lower case, so it never matches", path=f"{name}: keyword {word!r}")
            words[word] = keyword
    return words


def _rules(script: Script) -> Iterator[tuple[str, Rule]]:
    for keyword in script.keywords:
        for number, rule in enumerate(keyword.rules, start=1):
            yield f"keyword {keyword.words[0]!r}, rule {number} ({rule.pattern.text!r})", rule
    for number, rule in enumerate(script.memories, start=1):
        yield f"memory {number} ({rule.pattern.text!r})", rule


def _check_reply(reply: str, captures: int, path: str) -> None:
    if not reply.strip():
        raise InvalidInput("has an empty reply", path=path)
    for placeholder in PLACEHOLDER.findall(reply):
        if placeholder in {"name", "self", "!name"}:
            continue
        if not placeholder.isdecimal() or not 1 <= int(placeholder) <= captures:
            raise InvalidInput(f"{{{placeholder}}} in {reply!r}: the pattern has {captures} captures", path=path)


def _check_gotos(keyword: Keyword, words: Mapping[str, Keyword], name: str, via: tuple[str, ...] = ()) -> None:
    here = keyword.words[0]
    if here in via:
        raise InvalidInput("has a circular goto: " + " → ".join((*via, here)), path=f"{name}: keyword {here!r}")
    for rule in keyword.rules:
        if rule.goto is not None:
            _check_gotos(words[rule.goto], words, name, (*via, here))
