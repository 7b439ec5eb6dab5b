"""Task execution: runs a due task once, then deletes or reschedules it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.task import Task
from runtime_core.errors import InvalidInput
from runtime_core.support.arguments import call
from runtime_core.support.deadline import current_deadline, within

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

log = logging.getLogger(__name__)

QUEUE, REPEAT, FAILED = "queue", "repeat", "failed"
LEASE_S = 900.0  # from the tick's claim to the worker's: longer than the delay of a healthy queue
WORK_S = 300.0  # limit of one task, unless the deadline is sooner
LEASE_MARGIN_S = 1.0
MAX_FAILURES = 5  # of a task that does not repeat; after that it stays in the store, tagged `failed`
FIRST_RETRY_S = 60.0  # doubles with each failure
MAX_RETRY_S = 3600.0


async def run_claimed_task(runtime: Context, task_id: UUID, held_until: datetime) -> bool:
    """Take over a tick's claim and run the task.

    A failure is stored with the task, which is retried later.

    Returns:
        False if another worker took the claim.
    """
    remaining = current_deadline()
    lease_s = min(WORK_S, remaining.remaining_s() if remaining else WORK_S) + LEASE_MARGIN_S
    tasks = runtime.database.tasks
    task = await tasks.hold(runtime.agent_id, task_id, held_until, lease_s=lease_s)
    if task is None or task.due_at is None:
        log.info("task skipped, its claim is gone", extra={"task_id": str(task_id)})
        return False
    held_until = task.due_at
    try:
        async with within(WORK_S, f"task {task.name}"):
            output = await execute(runtime, task, task.metadata)
    except Exception as error:
        log.exception("task failed", extra={"task": task.name, "task_id": str(task.id)})
        then: Task | None = _after_failure(task, error, datetime.now(UTC))
    else:
        then = _after_success(task, output, datetime.now(UTC))
    return await tasks.settle(runtime.agent_id, task.id, held_until, then=then)


async def execute(runtime: Context, task: Task, options: Mapping[str, Any]) -> Any:
    """Run a task with the worker of its name.

    Raises:
        InvalidInput: No worker of this name is registered.
    """
    worker = runtime.task_worker(task.name)
    if worker is None:
        known = ", ".join(runtime.task_worker_names()) or "none"
        raise InvalidInput(
            f"no worker is registered for {task.name!r}: register one (registered: {known})",
            path="task.name",
        )
    return await call(worker.execute, (runtime, options, task))


async def may_be_chosen(runtime: Context, task: Task, message: Memory, state: Any) -> bool:
    """Check whether the task's worker allows this user to run it."""
    worker = runtime.task_worker(task.name)
    if worker is None:
        return False
    return worker.validate is None or bool(await call(worker.validate, (runtime, message, state)))


def _after_success(task: Task, output: object, now: datetime) -> Task | None:
    """Reschedule a repeating task; return None to delete any other task."""
    if REPEAT not in task.tags:
        return None
    metadata = {**task.metadata, **output} if isinstance(output, Mapping) else dict(task.metadata)
    metadata.pop("failures", None)
    metadata.pop("last_error", None)
    return replace(task, metadata=metadata, updated_at=now, due_at=now + _interval(metadata))


def _after_failure(task: Task, error: Exception, now: datetime) -> Task:
    failures = int(task.metadata.get("failures", 0)) + 1
    metadata = {**task.metadata, "failures": failures, "last_error": f"{type(error).__name__}: {error}"}
    kept = replace(task, metadata=metadata, updated_at=now)
    if REPEAT in task.tags:
        return replace(kept, due_at=now + max(_interval(metadata), _pause(failures)))
    if failures >= MAX_FAILURES:
        return replace(kept, due_at=None, tags=(*(tag for tag in task.tags if tag != QUEUE), FAILED))
    return replace(kept, due_at=now + _pause(failures))


def _pause(failures: int) -> timedelta:
    return timedelta(seconds=min(MAX_RETRY_S, FIRST_RETRY_S * 2 ** min(failures - 1, 10)))


def _interval(metadata: Mapping[str, Any]) -> timedelta:
    """Read the interval of a repeating task.

    `update_interval` is in milliseconds, as in the reference.
    """
    given = metadata.get("update_interval", metadata.get("updateInterval", 0))
    milliseconds = given if isinstance(given, int | float) and given > 0 else 0
    return timedelta(milliseconds=milliseconds)
