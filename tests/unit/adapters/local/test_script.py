"""The built-in script, and the errors of a wrong one."""

from __future__ import annotations

import pytest

from runtime_core.adapters.local.script import LISTENER, listener_script, read_script
from runtime_core.errors import InvalidInput

SMALL = """
[reflection]
swap = { i = "you" }

[situations]
start = ["Hello."]
introduced = ["Welcome."]
silence = ["Yes?"]
symbols = ["Words?"]
foreign = ["English?"]
repeated = ["Again?"]
question = ["Who knows?"]
statement = ["Go on."]

[[keywords]]
words = ["tea"]
[[keywords.rules]]
pattern = "* tea *"
replies = ["With milk?"]
"""


def test_the_listener_knows_enough_words_to_hold_a_chat() -> None:
    script = listener_script()
    replies = [reply for keyword in script.keywords for rule in keyword.rules for reply in rule.replies]
    assert len(script.keywords) >= 60
    assert len(replies) > 600
    assert len(script.memories) >= 3


def test_no_reply_of_the_listener_is_there_twice_in_one_rule() -> None:
    for keyword in listener_script().keywords:
        for rule in keyword.rules:
            assert len(set(rule.replies)) == len(rule.replies), (keyword.words[0], rule.pattern.text)


def test_a_small_script_is_enough() -> None:
    assert read_script(SMALL, name="small.toml").keywords[0].words == ("tea",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[reflection]", "[reflection", r"^small\.toml: is not TOML"),
        (
            'pattern = "* tea *"',
            'pattern = "* @drink *"',
            r"keyword 'tea', rule 1 \('\* @drink \*'\): the class",
        ),
        ('pattern = "* tea *"', 'pattern = "* TEA *"', r"keywords\[0\]\.rules\[0\]\.pattern: 'TEA' is not a word"),
        ('"With milk?"', '"{3}?"', r"keyword 'tea', rule 1 .*\{3\} .*has 2 captures"),
        ('"With milk?"', '"{color}?"', r"keyword 'tea', rule 1 .*\{color\}"),
        ('"With milk?"', '" "', "keyword 'tea', rule 1 .*empty reply"),
        ('replies = ["With milk?"]', "", "keyword 'tea', rule 1 .*needs replies or a goto"),
        ('replies = ["With milk?"]', 'goto = "coffee"', "keyword 'tea', rule 1 .*no keyword 'coffee'"),
        ('replies = ["With milk?"]', 'goto = "tea"', "keyword 'tea': has a circular goto: tea → tea"),
        ('words = ["tea"]', 'words = ["tea", "tea"]', "keyword 'tea': is a duplicate keyword"),
        ('words = ["tea"]', 'words = ["Tea"]', "keyword 'Tea': is not in lower case"),
        ('words = ["tea"]', "words = []", "needs words and rules"),
        ('words = ["tea"]', 'words = ["tea"]\nweight = 3', r"keywords\[0\]\.weight: is not a known field"),
        ('statement = ["Go on."]', "", r"situations\.statement: is required"),
        ('statement = ["Go on."]', "statement = []", r"situations\.statement: needs at least one reply"),
        (
            'statement = ["Go on."]',
            'statement = ["Go on, {name}."]',
            r"situations\.statement: needs at least one reply",
        ),
    ],
)
def test_a_wrong_script_names_the_rule(old: str, new: str, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        read_script(SMALL.replace(old, new), name="small.toml")


def test_the_listener_is_a_file_of_the_package() -> None:
    assert LISTENER.is_file()
