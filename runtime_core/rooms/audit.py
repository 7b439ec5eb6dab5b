"""The audit trail: append-only records of who did what, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.records import Log
from runtime_core.ports import DatabaseAdapter
from runtime_core.support.scope import current_scope


class AuditedRuntime(Protocol):
    """The part of a runtime that the audit trail needs."""

    agent_id: UUID

    @property
    def database(self) -> DatabaseAdapter: ...

    def redacted(self, text: str) -> str:
        """Mask the secrets in a text."""


async def audit(runtime: AuditedRuntime, kind: str, body: Mapping[str, Any], message: Memory | None = None) -> UUID:
    """Append one entry to the agent's audit trail, in one round trip.

    Args:
        kind: The event as `subject.verb` (`action.refused`, `setting.changed`).
        body: Details, as JSON; secrets in it are masked.
        message: The cause; the entry names its sender and room. Without it, the entry names the agent.

    Returns:
        The id of the entry.

    Raises:
        StoreError: The entry was not written.
    """
    scope = current_scope(runtime.agent_id)
    line = Log(
        type=kind,
        entity_id=message.entity_id if message else runtime.agent_id,
        room_id=message.room_id if message else None,
        run_id=scope.run_id if scope else None,
        body=_mask(body, runtime.redacted),
    )
    await runtime.database.records.insert(runtime.agent_id, [line])
    return line.id


def _mask(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _mask(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(item, redact) for item in value]
    return value
