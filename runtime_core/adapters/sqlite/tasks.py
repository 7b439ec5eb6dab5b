"""SQLite task store.

Claims hold the write lock, so each task has one claimer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import SqliteFile, count_changes, fetch_all
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_columns, as_json, as_text, read
from runtime_core.domain.task import Task


class SqliteTasks:
    """SQLite `TaskStore`."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def claim(self, agent_ids: Sequence[UUID], *, lease_s: float, limit: int = 100) -> list[Task]:
        def claim(connection: apsw.Connection) -> list[Task]:
            values = self._lease(lease_s) | {"agent_ids": as_json([str(each) for each in agent_ids]), "limit": limit}
            due = [read(Task, row) for row in fetch_all(connection, QUERIES["due_tasks"], values)]
            for task in due:
                connection.execute(QUERIES["claim_task"], values | {"agent_id": str(task.agent_id), "id": str(task.id)})
            held_until = datetime.fromisoformat(values["held_until"])
            return [replace(task, due_at=held_until) for task in due]

        return await self._file.write(claim)

    async def hold(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, lease_s: float) -> Task | None:
        def hold(connection: apsw.Connection) -> Task | None:
            values = self._lease(lease_s) | _claim(agent_id, task_id, held_until)
            found = fetch_all(connection, QUERIES["hold_task"], values)
            return read(Task, found[0]) if found else None

        return await self._file.write(hold)

    async def settle(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, then: Task | None = None) -> bool:
        values: dict[str, Any] = _claim(agent_id, task_id, held_until)
        if then is not None:
            values = as_columns(then) | values
        query = QUERIES["settle_task" if then is not None else "delete_task"]
        return await self._file.write(lambda connection: count_changes(connection, query, values)) > 0

    def _lease(self, lease_s: float) -> dict[str, Any]:
        now = self._clock()
        return {"now": as_text(now), "held_until": as_text(now + timedelta(seconds=lease_s))}


def _claim(agent_id: UUID, task_id: UUID, held_until: datetime) -> dict[str, Any]:
    return {"agent_id": str(agent_id), "id": str(task_id), "claim": as_text(held_until)}
