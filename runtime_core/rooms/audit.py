"""The audit trail: who did what and when, as log lines that are appended and never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.records import Log
from runtime_core.ports import DatabaseAdapter
from runtime_core.support.scope import current_scope


class AuditedRuntime(Protocol):
    """What a line is written for and with."""

    agent_id: UUID

    @property
    def database(self) -> DatabaseAdapter: ...

    def redacted(self, text: str) -> str:
        """The text with every secret masked."""


async def audit(runtime: AuditedRuntime, kind: str, body: Mapping[str, Any], message: Memory | None = None) -> UUID:
    """Append one line to the agent's audit trail; costs one round trip.

    Args:
        kind: What happened, as `subject.verb` (`action.refused`, `setting.changed`).
        body: What a reader needs to know, as JSON; secrets in it are masked.
        message: What made it happen; its sender and room go into the line. Without it the agent itself did it.

    Raises:
        StoreError: The line was not written.
    """
    scope = current_scope(runtime.agent_id)
    line = Log(
        type=kind,
        entity_id=message.entity_id if message else runtime.agent_id,
        room_id=message.room_id if message else None,
        run_id=scope.run_id if scope else None,
        body=_masked(body, runtime.redacted),
    )
    await runtime.database.records.insert(runtime.agent_id, [line])
    return line.id


def _masked(value: Any, redacted: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(key)): _masked(item, redacted) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, redacted) for item in value]
    return value
