"""Translation of a `MemoryFilter` into SQL conditions on `memories AS m`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runtime_core.adapters.sqlite.values import as_json, as_text
from runtime_core.ports import MemoryFilter

_CONDITIONS = {
    "agent_id": "m.agent_id = :agent_id",
    "table_name": "m.table_name = :table_name",
    "room_id": "m.room_id = :room_id",
    "room_ids": "m.room_id IN (SELECT value FROM json_each(:room_ids))",
    "entity_id": "m.entity_id = :entity_id",
    "world_id": "m.world_id = :world_id",
    "start": "m.created_at >= :start",
    "end": "m.created_at < :end",
    "before_time": "(m.created_at, m.id) < (:before_time, :before_id)",
}


def apply_filter(query: str, agent_id: UUID, which: MemoryFilter) -> tuple[str, dict[str, Any]]:
    """Replace `{filter}` in a query.

    Returns:
        The query and the values of the filter.
    """
    values = _values(agent_id, which)
    return query.format(filter=" AND ".join(_CONDITIONS[name] for name in values if name in _CONDITIONS)), values


def _values(agent_id: UUID, which: MemoryFilter) -> dict[str, Any]:
    values: dict[str, Any] = {"agent_id": str(agent_id), "table_name": which.table}
    if len(which.room_ids) == 1:  # with an equality, the index also provides the order
        values["room_id"] = str(which.room_ids[0])
    elif which.room_ids:
        values["room_ids"] = as_json([str(each) for each in which.room_ids])
    values["entity_id"] = str(which.entity_id) if which.entity_id else None
    values["world_id"] = str(which.world_id) if which.world_id else None
    values["start"] = as_text(which.start) if which.start else None
    values["end"] = as_text(which.end) if which.end else None
    if which.before is not None:
        values["before_time"] = as_text(which.before[0])
        values["before_id"] = str(which.before[1])
    return {name: value for name, value in values.items() if value is not None}
