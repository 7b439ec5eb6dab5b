"""Postgres task store.

A claim skips the rows that another claim has locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.rows import read_json
from runtime_core.domain.task import Task
from runtime_core.domain.values import encode_json


class PostgresTasks:
    """Postgres `TaskStore`; leases use the database's clock.

    No statement is retried: a claim whose response was lost expires.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def claim(self, agent_ids: Sequence[UUID], *, lease_s: float, limit: int = 100) -> list[Task]:
        text = await self._connections.fetch_json(
            QUERIES["claim_tasks"], encode_json(list(agent_ids)), _milliseconds(lease_s), limit
        )
        return read_json(list[Task], text or "[]")

    async def hold(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, lease_s: float) -> Task | None:
        text = await self._connections.fetch_json(
            QUERIES["hold_task"], agent_id, task_id, held_until, _milliseconds(lease_s)
        )
        return None if text is None else read_json(Task, text)

    async def settle(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, then: Task | None = None) -> bool:
        if then is None:
            text = await self._connections.fetch_json(QUERIES["drop_task"], agent_id, task_id, held_until)
        else:
            text = await self._connections.fetch_json(
                QUERIES["settle_task"], agent_id, task_id, held_until, encode_json(then)
            )
        return text is not None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
