"""Parsing of valid and malformed answers in the text protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime_core.domain.chat import ToolCall
from runtime_core.domain.json import json_objects
from runtime_core.turn.text_format import TextAnswer, VisibleText, parse_answer, written_answer


def meant(answer: TextAnswer) -> tuple[str, list[tuple[str, Any]]]:
    return answer.text, [(each.name, json.loads(each.arguments)) for each in answer.calls]


PLAIN: tuple[str, list[Any]] = ("Hello there", [])
CALLED = ("", [("WEATHER", {"city": "Bern"})])
BOTH = ("One moment", [("WEATHER", {"city": "Bern"}), ("ANNOUNCE", {})])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<response><thought>hm</thought><actions>REPLY</actions><text>Hello there</text></response>", PLAIN),
        ("<response>\n  <actions> reply </actions>\n  <text>\nHello there\n</text>\n</response>", PLAIN),
        ("Sure!\n<response><text>Hello there</text></response>\nHope this helps", PLAIN),
        ("```xml\n<response><text>Hello there</text></response>\n```", PLAIN),
        ("<think>I should greet <response></think><response><text>Hello there</text></response>", PLAIN),
        ("<response><text>Hello there", PLAIN),
        ("<response><text>Hello there</response>", PLAIN),
        ("<response><actions>REPLY<text>Hello there</text></response>", PLAIN),
        ("<RESPONSE><Text>Hello there</Text></RESPONSE>", PLAIN),
        ("<response><message>Hello there</message></response>", PLAIN),
        ("<response><actions>NONE</actions><text>Hello there</text></response>", PLAIN),
        ("Hello there", PLAIN),
        ("  Hello there\n", PLAIN),
        ('{"thought": "hm", "actions": ["REPLY"], "text": "Hello there"}', PLAIN),
        ('```json\n{"action": "REPLY", "text": "Hello there"}\n```', PLAIN),
        ('Here you go: {"message": "Hello there"} and that is it', PLAIN),
        ('{"response": {"text": "Hello there", "actions": "REPLY"}}', PLAIN),
        ('{"actions": ["REPLY"], "text": "Hello there",}', PLAIN),
        ('{"actions": ["REPLY"], "text": "Hello there', PLAIN),
        ('{"actions": [{"name": "REPLY", "params": {"text": "Hello there"}}]}', PLAIN),
        (
            '<response><actions>WEATHER</actions><params>{"WEATHER": {"city": "Bern"}}</params></response>',
            CALLED,
        ),
        (
            "<response><actions>WEATHER</actions><params><WEATHER><city>Bern</city></WEATHER></params></response>",
            CALLED,
        ),
        (
            "<response><actions><action><name>WEATHER</name><params><city>Bern</city></params></action></actions>"
            "</response>",
            CALLED,
        ),
        (
            '<response><actions><action><name>WEATHER</name><params>{"city": "Bern"}</params></action></actions>'
            "</response>",
            CALLED,
        ),
        ('{"actions": [{"name": "WEATHER", "params": {"city": "Bern"}}]}', CALLED),
        ('{"actions": [{"action": "WEATHER", "arguments": {"city": "Bern"}}]}', CALLED),
        ('{"action": "WEATHER", "params": {"weather": {"city": "Bern"}}}', CALLED),
        (
            "<response><actions>REPLY, WEATHER, ANNOUNCE</actions>"
            '<params>{"WEATHER": {"city": "Bern"}}</params><text>One moment</text></response>',
            BOTH,
        ),
        (
            "<response><actions>\n<action>WEATHER</action>\n<action>ANNOUNCE</action>\n</actions>"
            "<params><WEATHER><city>Bern</city></WEATHER></params><text>One moment</text></response>",
            BOTH,
        ),
        ('{"text": "One moment", "actions": ["WEATHER", "ANNOUNCE"], "params": {"WEATHER": {"city": "Bern"}}}', BOTH),
    ],
)
def test_an_answer_is_read_however_it_is_written(text: str, expected: Any) -> None:
    assert meant(parse_answer(text)) == expected


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<![CDATA[if a < b && c]]>", "if a < b && c"),
        ("<![CDATA[&amp;]]> &amp;", "&amp; &"),
        ("use <b>bold</b>", "use <b>bold</b>"),
        ("1 < 2", "1 < 2"),
        ("Grüße 👋\nzwei", "Grüße 👋\nzwei"),
    ],
)
def test_text_comes_out_as_it_was_meant(inside: str, expected: str) -> None:
    assert parse_answer(f"<response><text>{inside}</text></response>").text == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "}{", "<response>", "<response></response>", "<", "<actions>", '{"text": 3}', '{"actions": 7}'),
        *("[1]", '{"actions": [null, 3, {}], "params": 4}', "<response><params>{</params></response>", "```"),
        *("{" * 50_000, "<" * 50_000, "<text>" * 5000, '{"a":' * 5000),
    ],
)
def test_nothing_a_model_writes_is_an_error(text: str) -> None:
    parse_answer(text)


def test_what_is_no_protocol_is_the_answer_itself() -> None:
    text = 'A dict in Python is written {"a": 1}, and a tag <b>.'
    assert parse_answer(text) == TextAnswer(text=text)


def test_calls_have_ids_of_their_own() -> None:
    calls = parse_answer("<response><actions>A, B, A</actions></response>", call_prefix="call_2_").calls
    assert [each.id for each in calls] == ["call_2_0", "call_2_1", "call_2_2"]


def test_providers_can_be_asked_for() -> None:
    assert parse_answer("<response><providers>FACTS, ROLES</providers></response>").providers == ("FACTS", "ROLES")
    assert parse_answer('{"text": "", "providers": ["FACTS"]}').providers == ("FACTS",)


def test_what_the_model_said_is_written_back_as_it_can_be_read() -> None:
    calls = (
        ToolCall(id="1", name="WEATHER", arguments='{"city":"Bern"}'),
        ToolCall(id="2", name="ANNOUNCE", arguments="{}"),
    )
    written = written_answer("1 < 2 & so on", calls)
    assert meant(parse_answer(written)) == ("1 < 2 & so on", [("WEATHER", {"city": "Bern"}), ("ANNOUNCE", {})])


def test_only_the_outermost_objects_of_a_text_are_found() -> None:
    assert json_objects('x {"a": {"b": 1}} y {"c": 2} {"d": [1, 2') == [{"a": {"b": 1}}, {"c": 2}, {"d": [1, 2]}]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "written",
    [
        "<response><thought>secret</thought><actions>REPLY</actions><text>Tea &amp; cake for two</text></response>",
        '{"thought": "secret", "text": "Tea & cake for two"}',
        "Tea & cake for two",
        "<response><text><![CDATA[Tea & cake for two]]></text></response>",
        "<response><text>  Tea &amp; cake for two",
    ],
)
async def test_a_listener_hears_the_text_alone_piece_by_piece(written: str, size: int) -> None:
    heard: list[str] = []

    async def told(piece: str) -> None:
        heard.append(piece)

    visible = VisibleText(told)
    for start in range(0, len(written), size):
        await visible.feed(written[start : start + size])
    await visible.end(parse_answer(written).text)
    assert "".join(heard) == "Tea & cake for two"
    assert all(heard)


async def test_text_is_heard_while_it_is_written() -> None:
    heard: list[str] = []

    async def told(piece: str) -> None:
        heard.append(piece)

    visible = VisibleText(told)
    await visible.feed("<response><text>Tea and")
    assert heard == ["Tea and"]
    await visible.feed(" cake</te")
    assert "".join(heard) == "Tea and cake"
