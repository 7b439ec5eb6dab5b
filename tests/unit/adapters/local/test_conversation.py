"""Conversations with the built-in script, and their mechanics."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from runtime_core.adapters.local.conversation import Conversation
from runtime_core.adapters.local.rulebook import Rulebook, listener_rules
from runtime_core.adapters.local.script import read_script

KEPT = Path(__file__).parent / "kept_conversation.txt"

SCRIPT = """
[reflection]
swap = { i = "you", my = "your", am = "are" }

[situations]
start = ["Hello."]
introduced = ["Welcome, {name}.", "Good."]
silence = ["Yes?"]
symbols = ["Words?"]
foreign = ["English?"]
repeated = ["Again?"]
question = ["Who knows?"]
statement = ["Go on.", "I see."]

[[memories]]
pattern = "* my +"
replies = ["Back to your {2}."]

[[keywords]]
words = ["tea"]
rank = 1
[[keywords.rules]]
pattern = "* tea with +"
replies = ["With {2}?"]
[[keywords.rules]]
pattern = "*"
replies = ["One.", "{!name}Two, stranger.", "Three, {name}.", "Four."]

[[keywords]]
words = ["coffee"]
rank = 5
[[keywords.rules]]
pattern = "*"
replies = ["Black?", "White?"]
"""
RULES = Rulebook(read_script(SCRIPT, name="test.toml"))


def replies(*messages: str, rules: Rulebook = RULES) -> list[str]:
    conversation = Conversation(rules, character="Ada")
    return [conversation.answer(each) for each in messages]


def test_the_keyword_of_the_highest_rank_decides_wherever_it_stands() -> None:
    assert replies("tea. coffee", "coffee, then tea") == ["Black?", "White?"]


def test_replies_of_a_rule_take_turns_and_those_that_do_not_fit_are_passed_over() -> None:
    assert replies("tea", "more tea", "tea again", "yet more tea") == ["One.", "Two, stranger.", "Four.", "One."]


def test_a_reply_with_a_name_is_used_once_the_name_is_known() -> None:
    rules = Rulebook(read_script('names = ["i am called +"]\n' + SCRIPT, name="test.toml"))
    assert replies("I am called Ana", "tea", "tea!", rules=rules) == ["Welcome, Ana.", "One.", "Three, Ana."]


def test_what_is_too_long_to_repeat_is_not_repeated() -> None:
    assert replies("tea with milk", "tea with " + "very " * 30 + "much milk") == ["With milk?", "One."]


def test_a_statement_comes_back_when_nothing_else_helps_and_only_once() -> None:
    said = replies("I sold my boat", "so", "and so", "and so on", "so on")
    assert said == ["Go on.", "I see.", "Back to your boat.", "Go on.", "I see."]


def test_each_speaker_has_a_memory_of_their_own() -> None:
    conversation = Conversation(RULES)
    conversation.answer("I sold my boat", speaker="Ben")
    conversation.answer("so", speaker="Cleo")
    assert conversation.answer("and so", speaker="Cleo") != "Back to your boat."
    assert conversation.answer("and so", speaker="Ben") == "Back to your boat."


def test_a_name_that_stands_for_nobody_is_not_used() -> None:
    assert Conversation(listener_rules()).answer("what is my name?", speaker="user").startswith("You have not told me")


def test_saying_the_same_again_is_noticed() -> None:
    assert replies("all is well here", "All is well, here!") == ["Go on.", "Again?"]


def test_the_conversation_goes_on_from_what_was_really_said() -> None:
    conversation = Conversation(RULES)
    conversation.answer("tea", said=["Two, stranger."])
    assert conversation.answer("tea, please") == "Four."


def test_a_message_without_reply_is_remembered_but_takes_no_turn() -> None:
    conversation = Conversation(RULES)
    conversation.listen("I sold my boat")
    assert [conversation.answer("so"), conversation.answer("and so")] == ["Go on.", "Back to your boat."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Yes?"),
        (" \n ", "Yes?"),
        ("...?!", "Yes?"),
        ("\U0001f600\U0001f389", "Words?"),
        ("Привет, как дела", "English?"),
        ("你好吗", "English?"),
        ("مرحبا", "English?"),
        ("is it so?", "Who knows?"),
        ("it is so", "Go on."),
        ("it\x00is\ud800so", "Go on."),
        ("_____", "Yes?"),
    ],
)
def test_whatever_is_written_gets_a_reply(text: str, expected: str) -> None:
    assert replies(text) == [expected]


@pytest.mark.parametrize(
    "unit", ["i am you are my ", "because, ", "you ", "a" * 50 + " ", "my mother " * 3, "?! ", "because"]
)
def test_a_text_of_any_size_gets_a_short_reply(unit: str) -> None:
    assert 0 < len(replies(unit * 20_000, rules=listener_rules())[0]) < 300


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my name is anna", "Anna"),
        ("Hello, my name is Anna Maria and I am tired", "Anna Maria"),
        ("Please call me Zoë", "Zoë"),
        ("I'm Tom.", "Tom"),
        ("I'm Italian.", None),
        ("I'm hungry.", None),
        ("Don't call me stupid", None),
        ("His name is Rex", None),
        ("is my name Tom?", None),
    ],
)
def test_a_name_is_learned_where_one_is_told(text: str, name: str | None) -> None:
    conversation = Conversation(listener_rules())
    conversation.answer(text)
    reply = conversation.answer("who am I?")
    assert reply == (f"You are {name}, if I heard you right." if name else reply)
    assert name is not None or "You have not told me" in reply


def test_danger_is_answered_before_anything_else() -> None:
    reply = Conversation(listener_rules()).answer("My name is Sam. I am happy, hello, but I want to kill myself")
    assert "emergency number" in reply


def test_the_listener_never_says_the_same_twice_in_a_row() -> None:
    rules = listener_rules()
    for keyword in rules.script.keywords:
        for word in keyword.words:
            said = replies(word, f"{word}!", f"{word}?", f"{word}.", rules=rules)
            assert all(first != second for first, second in pairwise(said)), word


def test_the_kept_conversation_goes_as_it_is_kept() -> None:
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    said = [line.removeprefix("> ") for line in lines[0::2]]
    assert len(said) >= 20
    conversation = Conversation(listener_rules(), character="Ada")
    assert [conversation.answer(each) for each in said] == lines[1::2]
