"""SQLite record store, with statements generated from the fields of each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import apsw

from runtime_core.adapters.sqlite.connection import SqliteFile, count_changes, fetch_all
from runtime_core.adapters.sqlite.values import (
    as_column,
    as_columns,
    as_json,
    as_text,
    read,
    shape,
)
from runtime_core.domain.records import RECORD_TABLES, Agent, Log, Record
from runtime_core.domain.world import Participant
from runtime_core.errors import InvalidRecord, RecordNotFound

R = TypeVar("R", bound=Record)

_NOTHING_ELSE = "1"


class SqliteRecords:
    """A `RecordStore`."""

    def __init__(self, file: SqliteFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def insert(self, agent_id: UUID, records: Sequence[Record], *, ignore_existing: bool = False) -> int:
        return await self._file.write(
            lambda connection: insert_records(
                connection, agent_id, records, now=self._clock(), ignore_existing=ignore_existing
            )
        )

    async def update(self, agent_id: UUID, records: Sequence[Record]) -> None:
        for record in records:
            _refuse_log(type(record), "changed")

        def update(connection: apsw.Connection) -> None:
            for record in records:
                _update(connection, agent_id, record)

        await self._file.write(update)

    async def get(self, kind: type[R], agent_id: UUID, ids: Sequence[UUID]) -> list[R]:
        if kind is Participant:
            raise InvalidRecord("a participant has no id: find it by room_id and entity_id")
        values = {"agent_id": str(agent_id), "ids": as_json([str(each) for each in ids])}
        found = await self._file.read(lambda connection: fetch_all(connection, _get_sql(kind), values))
        return [read(kind, row) for row in found]

    async def find(self, kind: type[R], agent_id: UUID | None, *, limit: int = 1000, **fields: object) -> list[R]:
        if agent_id is None and kind is not Agent:
            raise InvalidRecord(f"finding {_table(kind)} needs an agent_id")
        if agent_id is not None:
            fields = fields | {"agent_id": agent_id}
        conditions, values = _matching(kind, fields)
        sql = _FIND.format(table=_table(kind), conditions=conditions, second=_order(kind))
        found = await self._file.read(lambda connection: fetch_all(connection, sql, values | {"limit": limit}))
        return [read(kind, row) for row in found]

    async def delete(self, kind: type[Record], agent_id: UUID, **fields: object) -> int:
        _refuse_log(kind, "deleted")
        if not fields:
            raise InvalidRecord(f"deleting {_table(kind)} needs at least one field to match")
        conditions, values = _matching(kind, fields | {"agent_id": agent_id})
        sql = _DELETE.format(table=_table(kind), conditions=conditions)
        return await self._file.write(lambda connection: count_changes(connection, sql, values))


_FIND = "SELECT * FROM {table} WHERE {conditions} ORDER BY created_at, {second} LIMIT :limit"
_DELETE = "DELETE FROM {table} WHERE {conditions}"
_GET = """
SELECT record.* FROM json_each(:ids) AS given
JOIN {table} AS record ON record.agent_id = :agent_id AND record.id = given.value
ORDER BY given.key
"""
_INSERT = "INSERT INTO {table} ({columns}) VALUES ({values}) {otherwise}"
_IGNORE = "ON CONFLICT ({keys}) DO NOTHING"
_UPDATE = "UPDATE {table} SET {changes} WHERE {conditions}"


def insert_records(
    connection: apsw.Connection, agent_id: UUID, records: Sequence[Record], *, now: datetime, ignore_existing: bool
) -> int:
    """Insert records in the order given, in the caller's transaction.

    Returns:
        How many records were new.
    """
    new = 0
    for record in records:
        values = as_columns(record) | {"agent_id": str(agent_id)}
        values["created_at"] = values["created_at"] or as_text(now)
        new += count_changes(connection, _insert_sql(type(record), ignore_existing), values)
    return new


def _update(connection: apsw.Connection, agent_id: UUID, record: Record) -> None:
    values = as_columns(record) | {"agent_id": str(agent_id)}
    if count_changes(connection, _update_sql(type(record)), values) == 0:
        key = {name: values[name] for name in _keys(type(record))}
        raise RecordNotFound(f"the row {key} does not exist in {_table(type(record))}")


def _table(kind: type[Any]) -> str:
    return RECORD_TABLES[kind]


def _keys(kind: type[Any]) -> tuple[str, ...]:
    return ("agent_id", "room_id", "entity_id") if kind is Participant else ("agent_id", "id")


def _order(kind: type[Any]) -> str:
    """Return the column that breaks ties of `created_at`."""
    return "room_id, entity_id" if kind is Participant else "id"


def _insert_sql(kind: type[Any], ignore_existing: bool) -> str:
    columns = shape(kind).columns
    return _INSERT.format(
        table=_table(kind),
        columns=", ".join(columns),
        values=", ".join(f":{name}" for name in columns),
        otherwise=_IGNORE.format(keys=", ".join(_keys(kind))) if ignore_existing else "",
    )


def _update_sql(kind: type[Any]) -> str:
    keys = _keys(kind)
    changes = [f"{name} = :{name}" for name in shape(kind).columns if name not in {*keys, "created_at"}]
    return _UPDATE.format(
        table=_table(kind),
        changes=", ".join(changes),
        conditions=" AND ".join(f"{name} = :{name}" for name in keys),
    )


def _get_sql(kind: type[Any]) -> str:
    return _GET.format(table=_table(kind))


def _matching(kind: type[Any], wanted: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    """Write the conditions that match fields, and their values."""
    known = {each.name for each in fields(kind)}
    if unknown := sorted(set(wanted) - known):
        raise InvalidRecord(f"{_table(kind)} have no {', '.join(unknown)}; they have {', '.join(sorted(known))}")
    conditions = [_condition(kind, name) for name in wanted]
    return " AND ".join(conditions) or _NOTHING_ELSE, {name: as_column(value) for name, value in wanted.items()}


def _condition(kind: type[Any], name: str) -> str:
    if name in shape(kind).lists:
        return f"NOT EXISTS (SELECT value FROM json_each(:{name}) EXCEPT SELECT value FROM json_each({name}))"  # noqa: S608  # the name is a field's
    if name in shape(kind).nested:
        return f"same_json({name}, :{name})"
    return f"{name} IS :{name}"


def _refuse_log(kind: type[Any], done: str) -> None:
    if kind is Log:
        raise InvalidRecord(f"a log line is never {done}")
