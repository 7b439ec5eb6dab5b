"""Splitting of messages into clauses and words."""

from __future__ import annotations

import pytest

from runtime_core.adapters.local.clause import MAX_CLAUSE_WORDS, Reader

READER = Reader(substitutions={"i'm": "I am"}, joints={"but"}, vocabulary={"the", "cats"})


def raw(text: str) -> list[str]:
    return [" ".join(word.raw for word in clause.words) for clause in READER.read(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, I think. Cats purr but dogs bark!", ["the cat", "I think", "cats purr", "dogs bark"]),
        ("It costs 1,000.50 at 10:30", ["It costs 1,000.50 at 10:30"]),
        ("I\u2019m well - thank you", ["I am well", "thank you"]),
        ("a well-known co-worker's bike", ["a well-known co-worker's bike"]),
        ("STOP SHOUTING AT ME", ["stop shouting at me"]),
        ("Mary and the cats", ["Mary and the cats"]),
        ("你好吗\uff1f我很好\u3002", ["你好吗", "我很好"]),
        ("Zoë\u2019s café", ["Zoë's café"]),
        ("😀 🎉", []),
        ("... !!", []),
        ("", []),
        (" \n\t\x00", []),
    ],
)
def test_a_text_is_cut_where_a_thought_ends(text: str, expected: list[str]) -> None:
    assert raw(text) == expected


def test_only_the_clause_before_a_question_mark_is_a_question() -> None:
    assert [clause.question for clause in READER.read("I like tea. And you, do you? Good")] == [
        False,
        False,
        True,
        False,
    ]


def test_a_text_of_any_size_gives_bounded_clauses() -> None:
    clauses = READER.read("word " * 100_000)
    assert all(len(clause.words) <= MAX_CLAUSE_WORDS for clause in clauses)
