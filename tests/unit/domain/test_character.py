"""Characters, and the elizaOS files that define them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime_core.domain.character import Character, coerce_character, load_character
from runtime_core.domain.ids import string_to_uuid
from runtime_core.errors import InvalidCharacter


def test_one_text_as_bio_is_one_paragraph_not_letters() -> None:
    assert Character(name="Ada", bio="A helpful assistant").paragraphs == ("A helpful assistant",)


def test_an_agent_without_its_own_id_is_named_by_its_character() -> None:
    assert Character(name="Ada").agent_id == string_to_uuid("Ada")


def test_a_file_of_the_first_elizaos_loads_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "first.json"
    path.write_text(
        json.dumps(
            {
                "name": "Trump",
                "clients": ["discord"],
                "modelProvider": "openai",
                "settings": {"secrets": {"OPENAI_API_KEY": "sk-1"}, "voice": {"model": "en_US"}},
                "plugins": [],
                "bio": ["one", "two"],
                "lore": ["long ago"],
                "knowledge": ["fact", {"path": "a.md"}],
                "messageExamples": [
                    [
                        {"user": "{{user1}}", "content": {"text": "hi"}},
                        {"user": "Trump", "content": {"text": "hello", "action": "NONE"}},
                    ]
                ],
                "postExamples": ["post"],
                "topics": ["x"],
                "style": {"all": ["a"], "chat": ["b"], "post": ["c"]},
                "adjectives": ["bold"],
            }
        )
    )
    character = load_character(path)
    assert character.paragraphs == ("one", "two")
    assert character.secrets == {"OPENAI_API_KEY": "sk-1"}
    assert character.settings == {"voice": {"model": "en_US"}}
    assert character.message_examples[0][0].name == "{{user1}}"
    assert character.style.post == ("c",)
    assert character.extra == {"clients": ["discord"], "modelProvider": "openai"}
    assert "sk-1" not in repr(character)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": 7}, "name: input should be a valid string, got 7"),
        ({"name": None}, "name: input should be a valid string, got None"),
        ({"bio": {"a": 1}}, "bio: expected text or a list of texts, got {'a': 1}"),
        ({"topics": ["a", 3]}, "topics[1]: input should be a valid string, got 3"),
        ({"messageExamples": [[{"name": "a"}]]}, "messageExamples[0][0].content: is required"),
        ({"settings": {"secrets": "sk-1"}}, "settings: expected an object for secrets, got a str"),
        ({"style": {"all": 5}}, "style.all: expected text or a list of texts, got 5"),
    ],
)
def test_a_wrong_type_names_the_file_the_path_inside_it_and_what_was_expected(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"name": "Ada", **change}))
    with pytest.raises(InvalidCharacter) as refusal:
        load_character(path)
    assert str(refusal.value) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("text", "says"), [("{", "not JSON"), ("[]", "expected a JSON object"), (None, "cannot be read: No such file")]
)
def test_a_file_that_is_no_character_says_why(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidCharacter, match=says):
        load_character(path)


def test_snake_case_is_read_as_well() -> None:
    character = coerce_character({"name": "Ada", "message_examples": [], "post_examples": "one"})
    assert character.post_examples == ("one",)


@pytest.mark.parametrize(
    "change",
    [
        {"bio": None, "lore": None, "topics": None, "settings": None, "plugins": None, "system": None},
        {"style": None},
        {"style": {"all": None, "chat": "brief"}},
        {"templates": {"a": None}},
        {"knowledge": "one fact"},
        {"messageExamples": [{"user": "a", "content": {"text": "hi"}}, {"user": "Ada", "content": "hello"}]},
        {"messageExamples": [{"examples": [{"name": "a", "content": {"text": "hi"}}]}]},
        {"people": [], "extends": ["eliza"], "clientConfig": {"discord": {}}},
    ],
)
def test_shapes_that_public_files_have_are_read(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "public.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"name": "Ada", **change}).encode())
    character = load_character(path)
    assert character.name == "Ada"
    if "messageExamples" in change:
        assert character.message_examples[0][0].content == {"text": "hi"}
    if change.get("knowledge"):
        assert character.knowledge == ("one fact",)


def test_templates_answer_to_the_names_that_public_files_give_them() -> None:
    character = coerce_character({"name": "Ada", "templates": {"shouldRespondTemplate": "Well?", "blank": " "}})
    assert character.templates == {"should_respond": "Well?"}


LINE = {"user": "{{user1}}", "content": {"text": "hi", "action": "WAVE"}}


def test_what_an_example_says_beside_speaker_and_words_is_kept() -> None:
    character = coerce_character(
        {
            "name": "Ada",
            "messageExamples": [
                [{**LINE, "response": "hello", "name": "Bob"}],
                [{"user": "a", "content": "b", "mood": None}],
            ],
        }
    )
    [[first], [second]] = character.message_examples
    assert (first.name, first.content, first.extra) == (
        "Bob",
        {"text": "hi", "action": "WAVE"},
        {"user": "{{user1}}", "response": "hello"},
    )
    assert (second.name, second.content, second.extra) == ("a", {"text": "b"}, {"mood": None})


def test_what_a_file_says_of_a_conversation_is_kept_in_its_place() -> None:
    examples = [[LINE], {"examples": [LINE], "title": "Greeting"}]
    character = coerce_character({"name": "Ada", "messageExamples": examples})
    assert [len(each) for each in character.message_examples] == [1, 1]
    assert character.extra == {"messageExamples": [{}, {"title": "Greeting"}]}


@pytest.mark.parametrize("pairs", [[["user", "hi"], ["Ada", "hello"]], [[["user", "hi"], ["Ada", "hello"]]]])
def test_pairs_of_speaker_and_words_are_lines(pairs: Any) -> None:
    [lines] = coerce_character({"name": "Ada", "messageExamples": pairs}).message_examples
    assert [(each.name, each.content) for each in lines] == [("user", {"text": "hi"}), ("Ada", {"text": "hello"})]


def list_leaves(value: Any) -> Iterator[str]:
    """Yield all texts and numbers in a value, at any depth."""
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from list_leaves(each)
    else:
        yield repr(value)


def test_nothing_that_a_file_says_is_lost() -> None:
    """The file has a distinct value in each place where public files have one."""
    said = {
        "name": "Ada",
        "username": "ada-1",
        "system": "sys",
        "modelProvider": "openai",
        "clients": ["discord"],
        "clientConfig": {"discord": {"shouldIgnoreBots": True}},
        "bio": "bio-1",
        "lore": ["lore-1"],
        "templates": {"messageHandlerTemplate": "template-1"},
        "knowledge": ["fact-1", {"path": "a.md", "shared": "yes"}, {"directory": "docs"}],
        "messageExamples": [{"examples": [{**LINE, "id": "line-1"}], "topic": "topic-of-it"}],
        "postExamples": ["post-1"],
        "topics": ["topic-1"],
        "adjectives": ["bold"],
        "people": ["person-1"],
        "style": {"all": ["all-1"], "chat": ["chat-1"], "post": ["post-2"], "email": ["email-1"]},
        "plugins": ["@elizaos/plugin-sql"],
        "settings": {"voice": {"model": "voice-1"}, "secrets": {"KEY": "sk-1"}, "ragKnowledge": 7},
        "secrets": {"OTHER": "sk-2"},
        "twitterProfile": {"photoUrl": "photo-1"},
    }
    assert Counter(list_leaves(said)) - Counter(list_leaves(coerce_character(said))) == Counter()


def test_what_a_style_holds_beyond_the_known_is_kept() -> None:
    character = coerce_character({"name": "Ada", "style": {"all": ["brief"], "email": ["formal"]}})
    assert (character.style.all, character.extra) == (("brief",), {"style": {"email": ["formal"]}})
