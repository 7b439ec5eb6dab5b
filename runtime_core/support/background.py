"""Background tasks.

They are kept alive until they end, and awaited at the end of the event or runtime.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

# The event loop holds tasks weakly. The owner is the object whose `stop` waits for the task.
_running: dict[asyncio.Task[Any], object] = {}


def start(work: Coroutine[Any, Any, Any], *, name: str, owner: object) -> asyncio.Task[Any]:
    """Start a background task in the current loop; its failure is logged.

    Args:
        name: Name of the work in the log.
        owner: Object that must outlive the work: `finished(owner)` waits for it.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running[task] = owner
    task.add_done_callback(_finish_task)
    return task


async def finished(owner: object | None = None) -> None:
    """Wait for the background tasks of the loop, including those started meanwhile.

    Called inside a background task, it does not wait for that task.

    Args:
        owner: Waits only for the tasks of this owner; None waits for all.
    """
    while waiting := _list_unfinished(owner):
        await asyncio.wait(waiting)


def is_under_way(owner: object) -> bool:
    """Check whether a background task of the owner is running."""
    return bool(_list_unfinished(owner))


def _list_unfinished(owner: object | None) -> list[asyncio.Task[Any]]:
    if not _running:
        return []
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
