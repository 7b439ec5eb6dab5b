"""A scene to play turns in: one agent, one speaker, one room, all with fresh ids."""

from __future__ import annotations

from dataclasses import field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.records import RECORD_TABLES, Agent
from runtime_core.domain.run import Outcome, Run, RunStatus, TurnContext, TurnEnd, TurnStart
from runtime_core.domain.world import Entity, Room, World
from runtime_core.ports import DatabaseAdapter, MemoryFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who talks where; makes the values that a turn begins and ends with."""

    agent_id: UUID = field(default_factory=uuid4)
    agent_name: str = "Ada"
    world_id: UUID = field(default_factory=uuid4)
    room_id: UUID = field(default_factory=uuid4)
    speaker_id: UUID = field(default_factory=uuid4)

    def memory(self, text: str = "Hello", *, created_at: datetime | None = None, **changes: Any) -> Memory:
        """Give something the speaker said in the room."""
        said = Memory(
            agent_id=self.agent_id,
            entity_id=self.speaker_id,
            room_id=self.room_id,
            world_id=self.world_id,
            content=Content(text=text),
            created_at=created_at,
        )
        return replace(said, **changes)

    def start(self, text: str = "Hello", *, created_at: datetime | None = None, **changes: Any) -> TurnStart:
        """Give the start of a turn by an invocation of its own, for a message of its own."""
        start = TurnStart(
            run_id=uuid4(),
            agent_id=self.agent_id,
            agent_name=self.agent_name,
            lease_owner=uuid4(),
            lease_s=60.0,
            body_hash=text,
            message=self.memory(text, created_at=created_at),
            world=World(id=self.world_id, name="The world"),
            room=Room(id=self.room_id, world_id=self.world_id, name="The room"),
            entities=(
                Entity(id=self.speaker_id, names=("Speaker",)),
                Entity(id=self.agent_id, names=(self.agent_name,)),
            ),
        )
        return replace(start, **changes)

    def again(self, start: TurnStart, **changes: Any) -> TurnStart:
        """Give the start of another invocation for the same message."""
        return replace(start, run_id=uuid4(), lease_owner=uuid4(), **changes)

    def end(self, start: TurnStart, context: TurnContext, **changes: Any) -> TurnEnd:
        """Give the end of a turn that was begun, completed without an answer unless told otherwise."""
        end = TurnEnd(
            run_id=claimed(context).id,
            agent_id=start.agent_id,
            lease_owner=start.lease_owner,
            status=RunStatus.COMPLETED,
            result={"text": "Done."},
        )
        return replace(end, **changes)

    async def play(self, database: DatabaseAdapter, text: str = "Hello", **changes: Any) -> TurnContext:
        """Begin and complete one turn."""
        start = self.start(text, **changes)
        context = await database.turns.begin(start)
        await database.turns.finish(self.end(start, context))
        return context


def claimed(context: TurnContext) -> Run:
    """Give the run of a claim that was made, or fail the test."""
    if context.run is None or context.outcome not in {Outcome.NEW, Outcome.RESUME}:
        raise AssertionError(f"the claim came to {context.outcome}")
    return context.run


async def census(database: DatabaseAdapter, *agent_ids: UUID) -> dict[str, int]:
    """Count every row of these agents, by table, and the agents of the whole database."""
    counts = {"every agent": len(await database.records.find(Agent, None))}
    for agent_id in agent_ids:
        for kind, table in RECORD_TABLES.items():
            counts[f"{table} of {agent_id}"] = len(await database.records.find(kind, agent_id))
        counts[f"memories of {agent_id}"] = await database.memories.count(agent_id, MemoryFilter(table=None))
    return counts
