"""Choices: tasks that wait for a participant to pick an option.

Such a task has the tag `AWAITING_CHOICE`; its `metadata["options"]` are names, or `{"name", "description"}`. The
metadata of the room flags a waiting choice, so that turns in other rooms need no query.
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
ABORT = "ABORT"  # always an option: deletes the task without running it
_FLAG = "awaits_choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a choice."""

    name: str
    description: str = ""


def read_options(task: Task) -> list[Option]:
    """Read the options of a task, in order, without `ABORT`."""
    given = task.metadata.get("options")
    return [_read_option(each) for each in given] if isinstance(given, list | tuple) else []


def _read_option(given: object) -> Option:
    if isinstance(given, Mapping):
        return Option(name=str(given.get("name", "")), description=str(given.get("description") or ""))
    return Option(name=str(given))


async def note_choice(records: RecordStore, agent_id: UUID, task: Task) -> None:
    """Flag the task's room if the task waits for a choice."""
    if AWAITING_CHOICE not in task.tags or task.room_id is None:
        return
    for room in await records.get(Room, agent_id, [task.room_id]):
        await records.update(agent_id, [replace(room, metadata={**room.metadata, _FLAG: True})])


async def find_choices(runtime: TurnData, room_id: UUID) -> list[Task]:
    """Find the choices that wait in a room, oldest first.

    In a turn of that room, no query is made unless the room is flagged.
    """
    context = runtime.turn_context()
    room = context.room if context is not None else None
    if room is not None and room.id == room_id and not room.metadata.get(_FLAG):
        return []
    return await runtime.database.records.find(Task, runtime.agent_id, room_id=room_id, tags=(AWAITING_CHOICE,))


async def delete_choice(records: RecordStore, agent_id: UUID, task: Task) -> bool:
    """Delete a choice.

    Returns:
        True for exactly one of several concurrent callers.
    """
    if await records.delete(Task, agent_id, id=task.id) == 0:
        return False
    if task.room_id is not None and not await records.find(
        Task, agent_id, room_id=task.room_id, tags=(AWAITING_CHOICE,), limit=1
    ):
        for room in await records.get(Room, agent_id, [task.room_id]):
            kept = {key: value for key, value in room.metadata.items() if key != _FLAG}
            await records.update(agent_id, [replace(room, metadata=kept)])
    return True
