"""Work that is started and not awaited by its caller: kept alive, and awaited by whoever ends the event or runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

# The loop itself holds tasks weakly; an owner is what the work belongs to, so that its `stop` can wait.
_running: dict[asyncio.Task[Any], object] = {}


def start(work: Coroutine[Any, Any, Any], *, name: str, owner: object) -> asyncio.Task[Any]:
    """Start work in the current loop; a failure is logged, since nobody awaits it.

    Args:
        name: What the work is, for the log.
        owner: What ends no earlier than the work: `finished(owner)` waits for it.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running[task] = owner
    task.add_done_callback(_ended)
    return task


async def finished(owner: object | None = None) -> None:
    """Wait until the loop's background work is done, also what is started meanwhile; with `owner` only its own.

    Called from inside background work, it does not wait for that.
    """
    while waiting := _unfinished(owner):
        await asyncio.wait(waiting)


def is_under_way(owner: object) -> bool:
    """Whether work of this owner is not done yet."""
    return bool(_unfinished(owner))


def _unfinished(owner: object | None) -> list[asyncio.Task[Any]]:
    loop, current = asyncio.get_running_loop(), asyncio.current_task()
    return [
        task
        for task, owned_by in _running.items()
        if task is not current and task.get_loop() is loop and (owner is None or owned_by is owner)
    ]


def _ended(task: asyncio.Task[Any]) -> None:
    _running.pop(task, None)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work failed", extra={"work": task.get_name()}, exc_info=error)
