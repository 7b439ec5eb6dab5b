"""SQLite turn store.

Beginning and finishing a turn take one write transaction each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import Row, SqliteFile, count_changes, fetch_all, fetch_one
from runtime_core.adapters.sqlite.memories import memory_values
from runtime_core.adapters.sqlite.records import insert_records
from runtime_core.adapters.sqlite.search import recall_memories
from runtime_core.adapters.sqlite.sql import QUERIES
from runtime_core.adapters.sqlite.values import as_column, as_fields, as_json, as_text, build, read
from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.records import Agent, Record
from runtime_core.domain.run import Outcome, Run, RunStatus, TurnContext, TurnEnd, TurnStart
from runtime_core.domain.world import Entity, Participant, Room, World
from runtime_core.errors import LeaseLost


class SqliteTurns:
    """SQLite `TurnStore`."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def begin(self, start: TurnStart) -> TurnContext:
        return await self._file.write(lambda connection: _begin(connection, start, self._clock()))

    async def checkpoint(
        self, agent_id: UUID, run_id: UUID, lease_owner: UUID, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        values = {"agent_id": str(agent_id), "run_id": str(run_id), "lease_owner": str(lease_owner)}
        values["steps"] = as_json(steps)
        saved = await self._file.write(lambda connection: count_changes(connection, QUERIES["save_steps"], values))
        if not saved:
            raise _lease_lost(run_id)

    async def finish(self, end: TurnEnd) -> None:
        await self._file.write(lambda connection: _finish(connection, end, self._clock()))

    async def get_run(self, run_id: UUID) -> Run | None:
        found = await self._file.read(
            lambda connection: fetch_all(connection, QUERIES["run_by_id"], {"run_id": str(run_id)})
        )
        return read(Run, found[0]) if found else None


def _begin(connection: apsw.Connection, start: TurnStart, now: datetime) -> TurnContext:
    values = {
        "agent_id": str(start.agent_id),
        "message_id": str(start.message.id),
        "room_id": str(start.room.id),
        "run_id": str(start.run_id),
        "body_hash": start.body_hash,
        "lease_owner": str(start.lease_owner),
        "lease_until": as_text(now + timedelta(seconds=start.lease_s)),
        "now": as_text(now),
    }
    owner = [] if start.may_join else fetch_all(connection, QUERIES["room_owner"], values)
    if owner:
        return TurnContext(outcome=Outcome.FOREIGN_ROOM, now=now, room_owner=owner[0]["name"])
    outcome = _claim(connection, values)
    run = as_fields(Run, fetch_one(connection, QUERIES["run_of_message"], values))
    context = {"outcome": outcome, "now": now, "run": run}
    if outcome in {Outcome.NEW, Outcome.RESUME}:
        _insert_records(connection, start, now)
        surroundings = _read_surroundings(connection, values | {"conversation_length": start.conversation_length})
        context |= surroundings | {"recalled": _recall(connection, start, surroundings["messages"])}
    return build(TurnContext, context)


def _claim(connection: apsw.Connection, values: Mapping[str, Any]) -> Outcome:
    """Claim the run if possible; other claims wait for the write lock."""
    found = fetch_all(connection, QUERIES["run_of_message"], values)
    if not found:
        connection.execute(QUERIES["open_run"], values)
        return Outcome.NEW
    run = found[0]
    if rejection := _rejection(run, values):
        return rejection
    attempt, lease_until = run["attempt"] + 1, values["lease_until"]
    if _is_holder(run, values):  # a retry of the winning claim
        attempt, lease_until = run["attempt"], lease_until if _is_expired(run, values) else run["lease_until"]
    connection.execute(QUERIES["claim_run"], {**values, "attempt": attempt, "lease_until": lease_until})
    return Outcome.NEW if attempt == 1 else Outcome.RESUME


def _rejection(run: Row, values: Mapping[str, Any]) -> Outcome | None:
    if run["body_hash"] != values["body_hash"]:
        return Outcome.CONFLICT
    if run["status"] == RunStatus.COMPLETED:
        return Outcome.REPLAY
    is_held = run["status"] == RunStatus.RUNNING and not _is_expired(run, values) and not _is_holder(run, values)
    return Outcome.RUNNING if is_held else None


def _is_holder(run: Row, values: Mapping[str, Any]) -> bool:
    return bool(run["status"] == RunStatus.RUNNING and run["lease_owner"] == values["lease_owner"])


def _is_expired(run: Row, values: Mapping[str, Any]) -> bool:
    return bool(run["lease_until"] <= values["now"])


def _insert_records(connection: apsw.Connection, start: TurnStart, now: datetime) -> None:
    """Insert the message and the records of a turn.

    Rows that are stored already stay unchanged.
    """
    room = replace(start.room, world_id=start.room.world_id or start.world.id)
    records: list[Record] = [
        Agent(id=start.agent_id, name=start.agent_name),
        start.world,
        room,
        *start.entities,
        *(Participant(room_id=room.id, entity_id=entity.id) for entity in start.entities),
    ]
    insert_records(connection, start.agent_id, records, now=now, ignore_existing=True)
    message = memory_values(start.message, start.agent_id, now, start.embedding_priority)
    connection.execute(QUERIES["add_memory_if_new"], message)


def _read_surroundings(connection: apsw.Connection, values: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields of `TurnContext` that the default providers use."""
    message = fetch_one(connection, QUERIES["memory"], {**values, "id": values["message_id"]})
    room = fetch_one(connection, QUERIES["room"], values)
    worlds = fetch_all(connection, QUERIES["world"], {**values, "world_id": room["world_id"]})
    earlier = fetch_all(
        connection, QUERIES["earlier_messages"], {**values, "created_at": message["created_at"], "id": message["id"]}
    )
    return {
        "message": as_fields(Memory, message),
        "room": as_fields(Room, room),
        "world": as_fields(World, worlds[0]) if worlds else None,
        "participants": _read_all(Participant, fetch_all(connection, QUERIES["participants_of_room"], values)),
        "entities": _read_all(Entity, fetch_all(connection, QUERIES["entities_of_room"], values)),
        "messages": _read_all(Memory, earlier[::-1]),
    }


def _recall(connection: apsw.Connection, start: TurnStart, messages: Sequence[Mapping[str, Any]]) -> list[list[Hit]]:
    """Recall memories for a turn.

    Memories of the room must be older than the messages of the context.
    """
    if start.recall is None:
        return []
    past, *others = start.recall.sources
    found = recall_memories(connection, start.agent_id, replace(start.recall, sources=tuple(others)))
    if not messages or len(messages) < start.conversation_length:
        return [[], *found]
    oldest = (datetime.fromisoformat(messages[0]["created_at"]), UUID(messages[0]["id"]))
    beyond = replace(past, which=replace(past.which, before=oldest))
    return recall_memories(connection, start.agent_id, replace(start.recall, sources=(beyond,))) + found


def _read_all(kind: type[Any], found: Sequence[Row]) -> list[dict[str, Any]]:
    return [as_fields(kind, row) for row in found]


def _finish(connection: apsw.Connection, end: TurnEnd, now: datetime) -> None:
    values = {
        "agent_id": str(end.agent_id),
        "run_id": str(end.run_id),
        "lease_owner": str(end.lease_owner),
        "status": end.status.value,
        "steps": as_json(end.steps),
        "result": as_column(end.result),
        "error": as_column(end.error),
        "details": as_json(end.details),
        "now": as_text(now),
    }
    if not count_changes(connection, QUERIES["end_run"], values):
        _check_finished_by_same_owner(connection, end, values)
        return
    for answer in end.answers:
        connection.execute(
            QUERIES["add_memory_if_new"], memory_values(answer, end.agent_id, now, end.embedding_priority)
        )


def _check_finished_by_same_owner(connection: apsw.Connection, end: TurnEnd, values: Mapping[str, Any]) -> None:
    found = fetch_all(connection, QUERIES["run_of_agent"], values)
    if not found or found[0]["lease_owner"] != values["lease_owner"]:
        raise _lease_lost(end.run_id)


def _lease_lost(run_id: UUID) -> LeaseLost:
    return LeaseLost(f"run {run_id} is no longer leased by this invocation: its answer was not stored")
