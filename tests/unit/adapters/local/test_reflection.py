"""Reflection of sentences to the other speaker."""

from __future__ import annotations

import pytest

from runtime_core.adapters.local.rulebook import listener_rules


def turned(text: str) -> str:
    rules = listener_rules()
    return rules.script.reflection.turn(rules.reader.read(text)[0].words)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("I am sad because you left me", "you are sad because I left you"),
        ("I'm here with you", "you are here with me"),
        ("what makes you think so", "what makes me think so"),
        ("the book you gave me was mine", "the book I gave you was yours"),
        ("I was tired and you were not", "you were tired and I was not"),
        ("you really were my friend", "I really was your friend"),
        ("was I wrong about you", "were you wrong about me"),
        ("were you angry with me", "was I angry with you"),
        ("are you listening to me", "am I listening to you"),
        ("you aren't listening", "I am not listening"),
        ("if you were me", "if I were you"),
        ("I wish you would listen", "you wish I would listen"),
        ("we are like they were", "we are like they were"),
        ("you should ask yourself why I hurt myself", "I should ask myself why you hurt yourself"),
        ("because of you I am alone in Berlin", "because of me you are alone in Berlin"),
    ],
)
def test_a_sentence_turns_round(said: str, expected: str) -> None:
    assert turned(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        f"{first} {verb} that {second} {other_verb} {thing}"
        for first, second in (("I", "you"), ("you", "I"), ("we", "you"), ("they", "I"))
        for verb, other_verb in (("know", "hate"), ("said", "never saw"), ("hope", "will help"))
        for thing in ("my dog", "your dog", "yourself", "the sea")
    ],
)
def test_turning_twice_gives_the_sentence_back(said: str) -> None:
    once = turned(said)
    assert once != said
    assert turned(once) == said


@pytest.mark.parametrize("preposition", ["to", "for", "with", "about", "of", "from", "without"])
def test_after_a_preposition_you_is_me(preposition: str) -> None:
    assert turned(f"they talk {preposition} you all day") == f"they talk {preposition} me all day"
