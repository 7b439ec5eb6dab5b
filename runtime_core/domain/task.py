"""Tasks: work that an agent defers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Work for the task worker of the same name.

    Attributes:
        tags: `queue` marks work to run; `repeat` runs it every `metadata["update_interval"]` ms.
        due_at: Earliest time to run; None means as soon as possible.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    name: str
    description: str = ""
    room_id: UUID | None = None
    world_id: UUID | None = None
    entity_id: UUID | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    due_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    created_at: AwareDatetime | None = None
