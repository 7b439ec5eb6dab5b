"""Choices: tasks that wait in a room until somebody there picks one of their options.

Such a task is tagged `AWAITING_CHOICE`; its `metadata["options"]` are names, or `{"name", "description"}`. The room
notes that it has one, so that no other turn has to ask the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.task import Task
from runtime_core.domain.world import Room
from runtime_core.ports import RecordStore, TurnData

AWAITING_CHOICE = "AWAITING_CHOICE"
ABORT = "ABORT"  # always an option: nothing is done
_NOTE = "awaits_choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to choose."""

    name: str
    description: str = ""


def options_of(task: Task) -> list[Option]:
    """What can be chosen, in order; `ABORT` is not among them."""
    given = task.metadata.get("options")
    return [_option(each) for each in given] if isinstance(given, list | tuple) else []


def _option(given: object) -> Option:
    if isinstance(given, Mapping):
        return Option(name=str(given.get("name", "")), description=str(given.get("description") or ""))
    return Option(name=str(given))


async def note_choice(records: RecordStore, agent_id: UUID, task: Task) -> None:
    """Have the task's room know that it has a choice waiting."""
    if AWAITING_CHOICE not in task.tags or task.room_id is None:
        return
    for room in await records.get(Room, agent_id, [task.room_id]):
        await records.update(agent_id, [replace(room, metadata={**room.metadata, _NOTE: True})])


async def choices_in(runtime: TurnData, room_id: UUID) -> list[Task]:
    """The choices waiting in a room, oldest first; in a turn, a room without any costs no query."""
    context = runtime.turn_context()
    room = context.room if context is not None else None
    if room is not None and room.id == room_id and not room.metadata.get(_NOTE):
        return []
    return await runtime.database.records.find(Task, runtime.agent_id, room_id=room_id, tags=(AWAITING_CHOICE,))


async def forget_choice(records: RecordStore, agent_id: UUID, task: Task) -> bool:
    """Take a choice away; says whether it was there still, which of several callers only one is told."""
    if await records.delete(Task, agent_id, id=task.id) == 0:
        return False
    if task.room_id is not None and not await records.find(
        Task, agent_id, room_id=task.room_id, tags=(AWAITING_CHOICE,), limit=1
    ):
        for room in await records.get(Room, agent_id, [task.room_id]):
            kept = {key: value for key, value in room.metadata.items() if key != _NOTE}
            await records.update(agent_id, [replace(room, metadata=kept)])
    return True
