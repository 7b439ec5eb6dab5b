"""Validation of incoming messages: errors name the malformed field."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Content, Media
from runtime_core.domain.message_request import ANONYMOUS, MessageRequest, parse_message_request
from runtime_core.domain.values import JSON_DEPTH
from runtime_core.errors import InvalidInput, MessageTooLarge

LIMIT_BYTES = 1024
SOME_ID = str(UUID(int=7))


def parse(value: object) -> MessageRequest:
    return parse_message_request(value, limit_bytes=LIMIT_BYTES)


def refusal(value: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(value)
    return caught.value


def nested(levels: int) -> dict[str, Any]:
    """Build a message nested a number of levels deep."""
    value: Any = 1
    for _ in range(levels - 4):  # message, content, data and number are four levels
        value = [value]
    return {"content": {"text": "Hi", "data": {"deep": value}}}


@pytest.mark.parametrize("value", [{"text": "Hi"}, '{"text": "Hi"}', b'{"text": "Hi"}', {"content": {"text": "Hi"}}])
def test_a_message_is_a_dict_or_json_with_text_or_content(value: object) -> None:
    assert parse(value).message_content == Content(text="Hi")


def test_an_attachment_says_something_without_text() -> None:
    request = parse({"content": {"attachments": [{"url": "https://example.test/a.png"}]}})
    assert request.message_content.attachments == (Media(url="https://example.test/a.png"),)


def test_what_is_left_out_is_filled_in() -> None:
    agent_id = uuid4()
    memory = parse({"text": "Hi"}).memory(agent_id)
    assert (memory.agent_id, memory.entity_id, memory.world_id, memory.metadata) == (agent_id, ANONYMOUS, None, {})
    assert memory.room_id == string_to_uuid(f"{agent_id}:{ANONYMOUS}")
    assert memory.table == "messages"


def test_a_message_without_an_id_is_a_new_one_each_time() -> None:
    request = parse({"text": "Hi"})
    assert request.memory(uuid4()).id != request.memory(uuid4()).id


def test_what_is_given_is_kept() -> None:
    ids = {name: uuid4() for name in ("id", "room_id", "world_id", "entity")}
    request = parse(
        {
            "text": "  Grüße 👋\n",
            "id": str(ids["id"]),
            "room_id": str(ids["room_id"]),
            "world_id": str(ids["world_id"]),
            "entity": {"id": str(ids["entity"]), "name": "Ada"},
            "agent": "Grace",
        }
    )
    memory = request.memory(uuid4())
    assert memory.content.text == "  Grüße 👋\n"
    assert (memory.id, memory.room_id, memory.world_id, memory.entity_id) == tuple(
        ids[name] for name in ("id", "room_id", "world_id", "entity")
    )
    assert memory.metadata == {"entity_name": "Ada"}
    assert request.agent == "Grace"


def test_each_sender_has_a_room_of_their_own_by_default() -> None:
    agent_id = uuid4()
    rooms = {parse({"text": "Hi", "entity": {"id": str(uuid4())}}).memory(agent_id).room_id for _ in range(3)}
    assert len(rooms) == 3


@pytest.mark.parametrize("value", [{"text": ""}, {"text": " \t\n\u00a0"}, {"content": {}}, {"content": {"text": " "}}])
def test_a_message_that_says_nothing_is_refused(value: object) -> None:
    assert "says nothing" in str(refusal(value))


@pytest.mark.parametrize("value", [{}, {"text": "a", "content": {"text": "b"}}, {"text": None}])
def test_text_or_content_is_needed_and_not_both(value: object) -> None:
    assert "either text or content" in str(refusal(value))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"text": 5}, "text"),
        ({"text": ["Hi"]}, "text"),
        ({"text": "Hi", "id": "nonsense"}, "id"),
        ({"text": "Hi", "id": 5}, "id"),
        ({"text": "Hi", "room_id": "1234"}, "room_id"),
        ({"text": "Hi", "entity": {"name": "Ada"}}, "entity.id"),
        ({"text": "Hi", "entity": {"id": SOME_ID, "name": "x" * 201}}, "entity.name"),
        ({"text": "Hi", "entity": {"id": SOME_ID, "role": "admin"}}, "entity.role"),
        ({"text": "Hi", "colour": "red"}, "colour"),
        ({"text": "Hi", "agent_id": SOME_ID}, "agent_id"),
        ({"content": {"text": "Hi", "colour": "red"}}, "content.colour"),
        ({"content": {"text": "Hi", "attachments": [{"title": "A"}]}}, "content.attachments[0].url"),
        ({"content": "Hi"}, "content"),
    ],
)
def test_a_wrong_field_is_named(value: object, path: str) -> None:
    assert refusal(value).path == path


@pytest.mark.parametrize(
    ("value", "kind"),
    [([], "list"), ("[]", "list"), ('"Hi"', "string"), ("7", "number"), ("null", "null"), (None, "null")],
)
def test_anything_but_an_object_is_refused_with_its_kind(value: object, kind: str) -> None:
    assert str(refusal(value)).endswith(f"got a {kind}")


@pytest.mark.parametrize("value", ["", "{", "{'text': 'Hi'}", '{"text": "Hi"} extra', "<html>", b"\x00"])
def test_what_is_not_json_is_refused(value: object) -> None:
    assert "not JSON" in str(refusal(value))


@pytest.mark.parametrize("value", [b'{"text": "\xff"}', "{'text': 'ü'}".encode("utf-16"), b"\xed\xa0\x80"])
def test_what_is_not_utf_8_is_refused_with_the_place(value: bytes) -> None:
    assert "not UTF-8 (byte " in str(refusal(value))


def test_nesting_has_a_limit() -> None:
    assert parse(nested(JSON_DEPTH)).message_content.data
    assert "nested deeper" in str(refusal(nested(JSON_DEPTH + 1)))


def test_nesting_beyond_any_recursion_limit_is_refused_too() -> None:
    bomb = '{"content": {"data": ' + "[" * 100_000 + "]" * 100_000 + "}}"
    assert isinstance(refusal(bomb), InvalidInput)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"text": "a\x00b"}, "text"),
        ({"content": {"text": "Hi", "data": {"list": ["ok", "\x00"]}}}, "content.data.list[1]"),
        ({"content": {"text": "Hi", "data": {"a\x00": 1}}}, "content.data"),
    ],
)
def test_a_nul_character_is_refused(value: object, path: str) -> None:
    error = refusal(value)
    assert "NUL" in str(error)
    assert error.path == path


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused(number: float) -> None:
    error = refusal({"content": {"text": "Hi", "data": {"list": [1.5, number]}}})
    assert error.path == "content.data.list[1]"
    assert "not JSON" in str(refusal(json.dumps({"content": {"text": "Hi", "data": {"a": number}}})))


def test_half_a_surrogate_pair_is_refused() -> None:
    assert "surrogate" in str(refusal({"text": "a\ud800b"}))
    assert isinstance(refusal('{"text": "a\\ud800b"}'), InvalidInput)
    assert parse('{"text": "\\ud83d\\udc4b"}').text == "👋"


def test_the_limit_counts_bytes_of_text() -> None:
    assert parse({"text": "x" * LIMIT_BYTES}).text
    assert parse({"text": "ü" * (LIMIT_BYTES // 2)}).text
    for text in ("x" * (LIMIT_BYTES + 1), "ü" * (LIMIT_BYTES // 2 + 1)):
        with pytest.raises(MessageTooLarge, match=r"1,0\d\d bytes, over the limit of 1,024 \(MESSAGE_LIMIT_BYTES\)"):
            parse({"text": text})


def test_what_is_beside_the_text_has_the_same_limit() -> None:
    value = {"content": {"text": "Hi", "data": {"big": "x" * LIMIT_BYTES}}}
    with pytest.raises(MessageTooLarge, match="the message without its text"):
        parse(value)
    with pytest.raises(MessageTooLarge):
        parse(json.dumps(value))


def test_a_mebibyte_of_text_is_refused_under_the_default_limit() -> None:
    with pytest.raises(MessageTooLarge):
        parse_message_request({"text": "x" * 2**20}, limit_bytes=64 * 1024)


def test_the_caller_s_dict_is_left_as_it_was() -> None:
    value = {"content": {"text": "Hi", "data": {"a": [1]}}}
    parse(value)
    assert value == {"content": {"text": "Hi", "data": {"a": [1]}}}
