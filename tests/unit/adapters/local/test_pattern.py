"""Matches and captures of patterns."""

from __future__ import annotations

import pytest

from runtime_core.adapters.local.clause import Reader
from runtime_core.adapters.local.pattern import parse_pattern

CLASSES = {"pet": {"cat", "dog"}}
READER = Reader(substitutions={}, joints=set(), vocabulary=set())


def captured(pattern: str, text: str) -> list[str] | None:
    words = READER.read(text)[0].words
    spans = parse_pattern(pattern).match(words, CLASSES)
    return None if spans is None else [" ".join(word.raw for word in words[start:end]) for start, end in spans]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "anything at all", ["anything at all"]),
        ("why", "why", []),
        ("why", "why not", None),
        ("* my @pet *", "today my cat sleeps", ["today", "cat", "sleeps"]),
        ("* my @pet *", "My Dog", ["", "Dog", ""]),
        ("* my @pet *", "my horse", None),
        ("i want|need +", "I need a break", ["a break"]),
        ("i want|need +", "I need", None),
        ("* because *", "a because b because c", ["a", "b because c"]),
        ("+ is + because +", "it is so because it is so", ["it", "so", "it is so"]),
    ],
)
def test_wildcards_take_as_little_as_they_can(pattern: str, text: str, expected: list[str] | None) -> None:
    assert captured(pattern, text) == expected


@pytest.mark.parametrize("pattern", ["", "I want", "@Pet", "*word", "a||b", "what?", 3])
def test_what_is_no_pattern_is_refused(pattern: object) -> None:
    with pytest.raises(ValueError, match="pattern"):
        parse_pattern(pattern)
