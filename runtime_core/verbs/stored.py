"""Insert, update and get the records of one agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from runtime_core.domain.records import Record
from runtime_core.domain.values import coerce
from runtime_core.ports import AgentData

R = TypeVar("R", bound=Record)


async def insert_one(owner: AgentData, kind: type[R], value: R | Mapping[str, Any]) -> R:
    """Insert a record.

    Args:
        value: The record, or a dict of its fields.
    """
    record = coerce(kind, value, name=kind.__name__.lower())
    await owner.database.records.insert(owner.agent_id, [record])
    return record


async def insert_many(owner: AgentData, kind: type[R], values: Sequence[R | Mapping[str, Any]]) -> list[R]:
    """Insert records, all or none."""
    records = _coerce_many(kind, values)
    await owner.database.records.insert(owner.agent_id, records)
    return records


async def update_one(owner: AgentData, kind: type[R], value: R | Mapping[str, Any]) -> None:
    """Replace the record with the value's id."""
    await owner.database.records.update(owner.agent_id, [coerce(kind, value, name=kind.__name__.lower())])


async def update_many(owner: AgentData, kind: type[R], values: Sequence[R | Mapping[str, Any]]) -> None:
    """Replace records, all or none."""
    records = _coerce_many(kind, values)
    await owner.database.records.update(owner.agent_id, records)


async def get_one(owner: AgentData, kind: type[R], record_id: UUID) -> R | None:
    """Return the record with this id.

    Returns:
        None if there is none.
    """
    return next(iter(await owner.database.records.get(kind, owner.agent_id, [record_id])), None)


def _coerce_many(kind: type[R], values: Sequence[R | Mapping[str, Any]]) -> list[R]:
    name = kind.__name__.lower()
    return [coerce(kind, each, name=f"{name}[{index}]") for index, each in enumerate(values)]
