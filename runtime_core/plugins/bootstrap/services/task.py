"""The service TASK: tasks that an agent defers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from runtime_core.domain.task import Task
from runtime_core.domain.values import coerce
from runtime_core.plugin_api import Service, ServiceType

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

QUEUE = "queue"
REPEAT = "repeat"


class TaskService(Service):
    """Storage of tasks; the scheduled function runs those that are due."""

    service_type: ClassVar[str] = ServiceType.TASK

    def __init__(self, runtime: Context) -> None:
        self._runtime = runtime

    @classmethod
    async def start(cls, runtime: Context) -> TaskService:
        return cls(runtime)

    async def stop(self) -> None:
        """Do nothing: tasks are rows of the database."""

    async def schedule(self, task: Task | Mapping[str, Any], *, repeat_every_ms: int | None = None) -> UUID:
        """Store a task to run once when due, or every `repeat_every_ms`."""
        given = coerce(Task, task, name="task")
        repeated = (REPEAT,) if repeat_every_ms else ()
        timing = {"update_interval": repeat_every_ms} if repeat_every_ms else {}
        tags = tuple(dict.fromkeys((*given.tags, QUEUE, *repeated)))
        return await self._runtime.create_task(replace(given, tags=tags, metadata={**given.metadata, **timing}))

    async def waiting(self) -> list[Task]:
        """List the tasks to run, oldest first."""
        return await self._runtime.get_tasks(tags=(QUEUE,))
