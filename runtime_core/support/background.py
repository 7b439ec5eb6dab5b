"""Background work: started without a wait, awaited when its owner stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

# The loop holds tasks only weakly. The owner is the object whose `stop` waits for the task.
_running: dict[asyncio.Task[Any], object] = {}


def start(work: Coroutine[Any, Any, Any], *, name: str, owner: object) -> asyncio.Task[Any]:
    """Start work in the current loop, and log its failure.

    Args:
        name: The name of the work in the log.
        owner: The object that outlives the work: `finished(owner)` waits for it.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running[task] = owner
    task.add_done_callback(_finish_task)
    return task


async def finished(owner: object | None = None) -> None:
    """Wait until background work is done, including work started meanwhile.

    Background work that calls this does not wait for itself.

    Args:
        owner: Wait for this owner's work; None waits for all work of the loop.
    """
    while waiting := _list_unfinished(owner):
        await asyncio.wait(waiting)


def is_under_way(owner: object) -> bool:
    """Whether work of this owner is unfinished."""
    return bool(_list_unfinished(owner))


def _list_unfinished(owner: object | None) -> list[asyncio.Task[Any]]:
    loop, current = asyncio.get_running_loop(), asyncio.current_task()
    return [
        task
        for task, owned_by in _running.items()
        if task is not current and task.get_loop() is loop and (owner is None or owned_by is owner)
    ]


def _finish_task(task: asyncio.Task[Any]) -> None:
    _running.pop(task, None)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work failed", extra={"work": task.get_name()}, exc_info=error)
