"""Where an agent sends content on its own initiative."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """Target of a send.

    The source's handler determines which fields count.

    Attributes:
        source: The platform: whose send handler is asked.
        channel_id: The platform's own id of the place.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    source: str
    room_id: UUID | None = None
    channel_id: str | None = None
    server_id: str | None = None
    entity_id: UUID | None = None
    thread_id: str | None = None
