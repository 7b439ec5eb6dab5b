"""Rows read without validation equal those that pydantic reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import TypeAdapter

from runtime_core.domain.memory import Content, Hit, Media, Memory
from runtime_core.domain.records import Log
from runtime_core.domain.rows import read_json
from runtime_core.domain.run import Outcome, Run, RunStatus, TurnContext
from runtime_core.domain.task import Task
from runtime_core.domain.values import encode_json
from runtime_core.domain.world import ChannelType, Entity, Participant, ParticipantState, Room, World

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
AGENT, ROOM, USER = uuid4(), uuid4(), uuid4()
MEMORY = Memory(
    entity_id=USER,
    room_id=ROOM,
    agent_id=AGENT,
    content=Content(
        text="é 🏺",
        attachments=(Media(url="https://example.org/a.png", title="a"),),
        channel_type=ChannelType.GROUP,
        in_reply_to=USER,
        data={"deep": [{"a": None}]},
    ),
    metadata={"n": 1.5},
    embedding=(0.25, -1.0),
    created_at=NOON,
)
CONTEXT = TurnContext(
    outcome=Outcome.RESUME,
    now=NOON,
    run=Run(
        id=uuid4(),
        agent_id=AGENT,
        message_id=MEMORY.id,
        room_id=ROOM,
        status=RunStatus.FAILED,
        steps=({"text": "a"},),
        created_at=NOON,
    ),
    message=MEMORY,
    room=Room(id=ROOM, type=ChannelType.DM),
    world=World(id=USER, metadata={"roles": {str(USER): "OWNER"}}),
    entities=(Entity(id=USER, names=("Mira", "M")),),
    participants=(Participant(room_id=ROOM, entity_id=USER, state=ParticipantState.MUTED),),
    messages=(MEMORY, MEMORY),
)
VALUES: list[tuple[Any, Any]] = [
    (Memory, MEMORY),
    (TurnContext, CONTEXT),
    (list[Memory], [MEMORY]),
    (list[list[Hit]], [[Hit(memory=MEMORY, score=1)], []]),
    (list[UUID], [USER]),
    (Task, Task(name="a", tags=("queue",), due_at=NOON)),
    (Log, Log(type="a", body={"b": [1]})),
    (object, {"a": [1, "b", None]}),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_value_comes_back_as_it_was_and_as_pydantic_reads_it(kind: Any, value: Any) -> None:
    text = encode_json(value)
    assert read_json(kind, text) == value == TypeAdapter(kind).validate_json(text)


def test_times_come_back_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    read = read_json(Task, encode_json(Task(name="a", due_at=elsewhere)))
    assert read.due_at == NOON
    assert read.due_at is not None
    assert read.due_at.tzinfo is UTC


def test_a_column_of_a_newer_schema_is_left_out() -> None:
    assert read_json(Entity, f'{{"id": "{USER}", "mood": "calm"}}') == Entity(id=USER)


@pytest.mark.parametrize("text", ['{"names": []}', '{"id": 7}', '{"id": "kitchen"}', "[]"])
def test_what_is_no_such_row_is_an_error(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        read_json(Entity, text)


def test_a_type_that_json_cannot_tell_is_refused_when_it_is_first_read() -> None:
    with pytest.raises(TypeError, match="a union may hold one type and None"):
        read_json(int | str | None, "1")  # type: ignore[arg-type] # unions occur in annotations
