"""Conversion of values: coercion, errors that name the field, deterministic JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from runtime_core.domain.memory import Content, Media, Memory, coerce_content, coerce_memory
from runtime_core.domain.rows import read_json
from runtime_core.domain.run import Outcome, TurnContext
from runtime_core.domain.values import coerce, encode_json, field_problems, format_path
from runtime_core.domain.world import ChannelType, Room, World
from runtime_core.errors import InvalidInput
from runtime_core.testing import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value with a nested value."""

    x: int
    names: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def refusal(kind: type[Any], value: object, *, name: str = "value") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        coerce(kind, value, name=name)
    return caught.value


def test_a_value_of_the_kind_is_taken_as_it_is() -> None:
    point = Point(x=1)
    assert coerce(Point, point, name="point") is point


def test_a_value_is_built_from_a_dict() -> None:
    given = {"x": 1, "names": ["a", "b"], "more": {"deep": [1]}}
    assert coerce(Point, given, name="point") == Point(x=1, names=("a", "b"), more={"deep": [1]})


def test_building_a_value_leaves_the_dict_as_it_was() -> None:
    given: dict[str, Any] = {"id": str(uuid4()), "metadata": {"a": [1]}}
    before = {**given, "metadata": {"a": [1]}}
    coerce(World, given, name="world")
    assert given == before


@pytest.mark.parametrize(
    ("kind", "value", "path", "text"),
    [
        (Point, {}, "value.x", "is required"),
        (Point, {"x": "one"}, "value.x", "got 'one'"),
        (Point, {"x": None}, "value.x", "got None"),
        (Point, {"x": [1]}, "value.x", "got a list"),
        (Point, {"x": 1, "names": ["a", 2]}, "value.names[1]", "got 2"),
        (Point, 7, "value", "got 7"),
        (World, {"id": str(UUID(int=1)), "colour": "red"}, "value.colour", "is not a known field"),
        (World, {"id": "nonsense"}, "value.id", "got 'nonsense'"),
        (World, {"id": str(UUID(int=1)), "created_at": "2030-01-01T00:00:00"}, "value.created_at", "timezone"),
        (Room, {"id": str(UUID(int=1)), "type": "CAVE"}, "value.type", "got 'CAVE'"),
        (Content, {"attachments": [{"url": "a"}, {}]}, "value.attachments[1].url", "is required"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found(kind: type[Any], value: object, path: str, text: str) -> None:
    error = refusal(kind, value)
    assert error.path == path
    assert str(error).startswith(f"{path}: ")
    assert text in str(error)


def test_further_wrong_fields_are_counted() -> None:
    assert str(refusal(World, {"id": "x", "name": 1, "colour": 2})).endswith("(and 2 more)")


def test_a_long_value_is_not_repeated_in_the_error() -> None:
    error = str(refusal(Point, {"x": "secret" * 1000}))
    assert "secret" not in error
    assert "text of 6000 characters" in error


def test_every_wrong_field_can_be_listed() -> None:
    with pytest.raises(InvalidInput) as caught:
        coerce(World, {"id": "x", "colour": 1}, name="world")
    cause = caught.value.__cause__
    assert isinstance(cause, ValidationError)
    assert sorted(location for location, _ in field_problems(cause)) == [("colour",), ("id",)]


@pytest.mark.parametrize(
    ("location", "path"), [((), ""), (("a",), "a"), (("a", 0, "b", 1, 2), "a[0].b[1][2]"), ((3, "a"), "[3].a")]
)
def test_a_path_is_written_with_dots_and_brackets(location: tuple[int | str, ...], path: str) -> None:
    assert format_path(location) == path


def test_a_turn_s_context_survives_json() -> None:
    scene = Scene()
    start = scene.start("Grüße 👋", created_at=datetime(2030, 1, 1, 1, 2, 3, 456789, tzinfo=UTC))
    context = TurnContext(
        outcome=Outcome.NEW,
        now=datetime(2030, 1, 1, tzinfo=UTC),
        message=start.message,
        room=start.room,
        world=start.world,
        entities=start.entities,
        messages=(start.message,),
    )
    assert read_json(TurnContext, encode_json(context)) == context
    assert read_json(TurnContext, encode_json(context).encode()) == context


def test_the_same_value_gives_the_same_bytes() -> None:
    scene = Scene()
    memory = scene.memory("a", metadata={"b": 1, "a": 2})
    assert encode_json(memory) == encode_json(coerce(Memory, read_json(Memory, encode_json(memory)), name="memory"))
    assert encode_json({"b": 1, "a": "ü"}) == '{"b":1,"a":"ü"}'


def test_a_time_keeps_its_instant() -> None:
    local = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    world = World(id=uuid4(), created_at=local)
    assert read_json(World, encode_json(world)).created_at == local


def test_a_number_that_json_lacks_becomes_null() -> None:
    assert encode_json({"a": math.nan, "b": math.inf}) == '{"a":null,"b":null}'


@pytest.mark.parametrize("value", [object(), {"a": [object()]}, "a\ud800b"], ids=["object", "nested", "half a pair"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        encode_json(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        encode_json(value)


def test_content_keeps_unknown_keys_as_data() -> None:
    content = coerce_content({"text": "Hi", "channelType": "x", "data": {"a": 1}})
    assert content == Content(text="Hi", data={"a": 1, "channelType": "x"})


def test_a_memory_is_read_in_the_words_of_the_reference_too() -> None:
    speaker, room = uuid4(), uuid4()
    given = {
        "type": "facts",
        "user_id": str(speaker),
        "room_id": str(room),
        "content": {"text": "Hi", "attachments": [{"url": "u"}], "channel_type": "DM", "mood": "good"},
    }
    memory = coerce_memory(given)
    assert (memory.table, memory.entity_id, memory.room_id) == ("facts", speaker, room)
    assert memory.content == Content(
        text="Hi", attachments=(Media(url="u"),), channel_type=ChannelType.DM, data={"mood": "good"}
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("text", "memory"),
        ({"entity_id": str(UUID(int=1)), "room_id": str(UUID(int=1))}, "memory.content"),
        ({"entity_id": str(UUID(int=1)), "room_id": str(UUID(int=1)), "content": "text"}, "memory.content"),
        ({"entity_id": str(UUID(int=1)), "room_id": str(UUID(int=1)), "content": {"text": 5}}, "memory.content.text"),
        ({"entity_id": "x", "room_id": str(UUID(int=1)), "content": {}}, "memory.entity_id"),
        ({"entity_id": str(UUID(int=1)), "room_id": str(UUID(int=1)), "content": {}, "mood": 1}, "memory.mood"),
    ],
)
def test_a_wrong_memory_is_refused_with_the_path(value: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        coerce_memory(value)
    assert caught.value.path == path
