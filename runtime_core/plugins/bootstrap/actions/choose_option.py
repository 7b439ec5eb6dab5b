"""CHOOSE_OPTION: pick an option of a waiting task."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.task import Task
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context
from runtime_core.queues.task_work import execute, may_be_chosen
from runtime_core.rooms.choices import ABORT, delete_choice, find_choices, read_options

_NAME = "CHOOSE_OPTION"


async def _handle(runtime: Context, message: Memory, state: Any, options: ActionOptions) -> ActionResult:
    """Run the task of a choice.

    It is deleted first, so that concurrent choices run it once, and restored if it fails.
    """
    wanted = str(options.parameters["option"]).strip()
    task = _find_task(await find_choices(runtime, message.room_id), str(options.parameters.get("task", "")), wanted)
    option = next((each.name for each in read_options(task) if each.name.casefold() == wanted.casefold()), ABORT)
    if option != ABORT and not await may_be_chosen(runtime, task, message, state):
        raise ActionError(f"the sender may not decide on {task.name}", action=_NAME)
    records = runtime.database.records
    if not await delete_choice(records, runtime.agent_id, task):
        raise ActionError(f"{task.name} was decided already", action=_NAME)
    if option == ABORT:
        return ActionResult(text=f"{task.name} was given up.", data={"task": task.name, "option": ABORT})
    try:
        await execute(runtime, task, {**task.metadata, "option": option})
    except BaseException:
        await runtime.create_task(task)
        raise
    return ActionResult(text=f"{option} was chosen for {task.name}.", data={"task": task.name, "option": option})


def _find_task(waiting: list[Task], task_id: str, option: str) -> Task:
    """Find the newest task with the option and the id prefix."""
    candidates = [each for each in waiting if str(each.id).startswith(task_id.strip().lower())]
    known = option.casefold()
    fitting = [
        each for each in candidates if known in {ABORT.casefold(), *(o.name.casefold() for o in read_options(each))}
    ]
    if fitting:
        return fitting[-1]
    names = [o.name for each in candidates for o in read_options(each)]
    raise ActionError(f"option {option!r} does not exist: choose one of {', '.join([*names, ABORT])}", action=_NAME)


async def _validate(runtime: Context, message: Memory) -> bool:
    """Offer the action only if a choice waits in the room."""
    return bool(await find_choices(runtime, message.room_id))


choose_option = Action(
    name=_NAME,
    description="Pick an option of a task that waits for the user's choice, when the user has decided.",
    handler=_handle,
    validate=_validate,
    similes=("SELECT_OPTION", "PICK_OPTION", "SELECT_TASK", "CONFIRM_CHOICE"),
    parameters={
        "type": "object",
        "properties": {
            "option": {"type": "string", "description": "Name of the option, or ABORT for none of them."},
            "task": {"type": "string", "description": "First characters of the task's id, where several wait."},
        },
        "required": ["option"],
    },
)
