"""CHOICE: choices that wait in the room."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.domain.task import Task
from runtime_core.plugin_api import Context, Provider
from runtime_core.rooms.choices import ABORT, find_choices, read_options


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    waiting = await find_choices(runtime, message.room_id)
    if not waiting:
        return ProviderResult(data={"tasks": ()})
    text = "# What waits for a choice of the user (CHOOSE_OPTION)\n" + "\n".join(_format(each) for each in waiting)
    return ProviderResult(text=text, data={"tasks": tuple(waiting)})


def _format(task: Task) -> str:
    options = [f"  - {each.name}{f': {each.description}' if each.description else ''}" for each in read_options(task)]
    head = f"- {task.name} (task {str(task.id)[:8]}){f': {task.description}' if task.description else ''}"
    return "\n".join([head, *options, f"  - {ABORT}: none of them"])


choice = Provider(name="CHOICE", description="What waits for a choice of the user", get=_get, position=30)
