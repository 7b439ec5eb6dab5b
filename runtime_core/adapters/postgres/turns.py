"""Postgres turn store; beginning and finishing a turn take one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.rows import read_json
from runtime_core.domain.run import Run, TurnContext, TurnEnd, TurnStart
from runtime_core.domain.values import encode_json
from runtime_core.errors import DuplicateRecord, LeaseLost, StoreError


class PostgresTurns:
    """Postgres `TurnStore`.

    Every write names its lease owner, so it can be retried.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def begin(self, start: TurnStart) -> TurnContext:
        try:
            text = await self._begin(start)
        except DuplicateRecord:
            # Of concurrent claims with the same run id, a loser may violate the key of the run id before the key of
            # the message, which `on conflict` handles. The winner's row exists by now, so a retry finds it.
            text = await self._begin(start)
        if text is None:
            raise StoreError("the database returned no context for the turn")
        return read_json(TurnContext, text)

    async def _begin(self, start: TurnStart) -> str | None:
        return await self._connections.fetch_json(
            QUERIES["begin_turn"], SCHEMA_VERSION, encode_json(start), repeatable=True
        )

    async def checkpoint(
        self, agent_id: UUID, run_id: UUID, lease_owner: UUID, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        held = await self._connections.fetch_json(
            QUERIES["checkpoint_turn"], agent_id, run_id, lease_owner, encode_json(steps), repeatable=True
        )
        if held is None:
            raise LeaseLost(f"run {run_id} is no longer leased by this invocation")

    async def finish(self, end: TurnEnd) -> None:
        await self._connections.fetch_json(QUERIES["finish_turn"], SCHEMA_VERSION, encode_json(end), repeatable=True)

    async def get_run(self, run_id: UUID) -> Run | None:
        text = await self._connections.fetch_json(QUERIES["get_run"], run_id, repeatable=True)
        return None if text is None else read_json(Run, text)
