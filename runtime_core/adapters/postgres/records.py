"""Postgres record store, with statements generated from the fields of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID

from runtime_core.adapters.postgres.pool import Connections
from runtime_core.adapters.postgres.sql import QUERIES
from runtime_core.domain.records import RECORD_TABLES, Agent, Log, Record
from runtime_core.domain.rows import read_json
from runtime_core.domain.values import encode_json
from runtime_core.domain.world import Participant
from runtime_core.errors import InvalidRecord

R = TypeVar("R", bound=Record)

_TABLES: Mapping[type[object], str] = dict(RECORD_TABLES.items())
_FIELDS: Mapping[type[object], tuple[str, ...]] = {
    kind: tuple(each.name for each in fields(kind)) for kind in RECORD_TABLES
}


class PostgresRecords:
    """Postgres `RecordStore`.

    Names in SQL come from `RECORD_TABLES` and fields, never from values.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def insert(self, agent_id: UUID, records: Sequence[Record], *, ignore_existing: bool = False) -> int:
        if not records:
            return 0
        text = await self._connections.fetch_json(
            QUERIES["insert_records"], agent_id, _batches(records), ignore_existing, repeatable=ignore_existing
        )
        return int(text or 0)

    async def update(self, agent_id: UUID, records: Sequence[Record]) -> None:
        if any(isinstance(record, Log) for record in records):
            raise InvalidRecord("a log line is never changed")
        if records:
            await self._connections.fetch_json(QUERIES["update_records"], agent_id, _batches(records), repeatable=True)

    async def get(self, kind: type[R], agent_id: UUID, ids: Sequence[UUID]) -> list[R]:
        if not ids:
            return []
        query = (
            f"select coalesce(jsonb_agg(to_jsonb(r) - 'position' order by position), '[]')::text from ("  # noqa: S608 - own names
            f"select {_columns(kind)}, position from unnest($2::uuid[]) with ordinality as wanted (key, position)"
            f" join {_TABLES[kind]} as t on t.agent_id = $1 and t.id = wanted.key) as r"
        )
        return await self._fetch_records(kind, query, agent_id, list(ids))

    async def find(self, kind: type[R], agent_id: UUID | None, *, limit: int = 1000, **fields: object) -> list[R]:
        if agent_id is None and not issubclass(kind, Agent):
            raise InvalidRecord(f"finding {_TABLES[kind]} needs an agent_id")
        order = _order(kind)
        query = (
            f"select coalesce(jsonb_agg(to_jsonb(r) order by {order}), '[]')::text from ("  # noqa: S608 - own names
            f"select {_columns(kind)} from {_TABLES[kind]} as t where ($1::uuid is null or t.agent_id = $1)"
            f" and {_matching(kind, fields)} order by {order} limit $3) as r"
        )
        return await self._fetch_records(kind, query, agent_id, encode_json(fields), limit)

    async def delete(self, kind: type[Record], agent_id: UUID, **fields: object) -> int:
        if kind is Log:
            raise InvalidRecord("a log line is never deleted")
        if not fields:
            raise InvalidRecord(f"deleting {_TABLES[kind]} needs at least one field to match")
        query = (
            f"with deleted as (delete from {_TABLES[kind]} as t"  # noqa: S608 - own names
            f" where t.agent_id = $1 and {_matching(kind, fields)} returning 1) select count(*)::text from deleted"
        )
        text = await self._connections.fetch_json(query, agent_id, encode_json(fields))
        return int(text or 0)

    async def _fetch_records(self, kind: type[R], query: str, *values: object) -> list[R]:
        text = await self._connections.fetch_json(query, *values, repeatable=True)
        return read_json(list[kind], text or "[]")  # type: ignore[valid-type]  # the kind is a value here


def _batches(records: Sequence[Record]) -> str:
    """Encode records for the SQL functions, in the order given.

    Consecutive records of one kind form one batch.
    """
    return encode_json(
        [{"table": _TABLES[kind], "keys": _keys(kind), "rows": list(rows)} for kind, rows in groupby(records, key=type)]
    )


def _keys(kind: type[object]) -> tuple[str, ...]:
    return ("room_id", "entity_id") if kind is Participant else ("id",)


def _order(kind: type[object]) -> str:
    return ", ".join(("created_at", *_keys(kind)))


def _columns(kind: type[object]) -> str:
    """List every field by name.

    `*` would include columns that a newer migration may have added.
    """
    return ", ".join(f't."{name}"' for name in _FIELDS[kind])


def _matching(kind: type[object], wanted: Mapping[str, Any]) -> str:
    """Write conditions on fields.

    The table types their values from the JSON in $2.
    """
    unknown = sorted(wanted.keys() - _FIELDS[kind])
    if unknown:
        raise InvalidRecord(f"{_TABLES[kind]} have no {', '.join(unknown)}, only {', '.join(_FIELDS[kind])}")
    conditions = [_condition(_TABLES[kind], name, value) for name, value in wanted.items()]
    return " and ".join(["$2::jsonb is not null", *conditions])


def _condition(table: str, name: str, value: object) -> str:
    if value is None:
        return f't."{name}" is null'
    operator = "@>" if isinstance(value, tuple | list | set | frozenset) else "="
    return f't."{name}" {operator} (jsonb_populate_record(null::{table}, $2::jsonb))."{name}"'
