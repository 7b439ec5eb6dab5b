"""Records other than memories, and their union `Record`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, TypeAlias
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.task import Task
from runtime_core.domain.world import Component, Entity, Participant, Relationship, Room, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent's row; `character` is its character as JSON, without secrets."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID
    name: str
    agent_id: UUID | None = None
    enabled: bool = True
    character: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One append-only entry of an agent's audit trail."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: UUID = field(default_factory=uuid4)
    agent_id: UUID | None = None
    type: str
    entity_id: UUID | None = None
    room_id: UUID | None = None
    run_id: UUID | None = None
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: AwareDatetime | None = None


Record: TypeAlias = Agent | World | Room | Entity | Component | Participant | Relationship | Task | Log

RECORD_TABLES: Mapping[type[Record], str] = {
    Agent: "agents",
    World: "worlds",
    Room: "rooms",
    Entity: "entities",
    Component: "components",
    Participant: "participants",
    Relationship: "relationships",
    Task: "tasks",
    Log: "logs",
}
