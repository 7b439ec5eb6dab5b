"""Test scene for turns.

A scene has one agent, one speaker and one room, all with fresh ids.
"""

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
    """Factory of the values that begin and end a turn."""

    agent_id: UUID = field(default_factory=uuid4)
    agent_name: str = "Ada"
    world_id: UUID = field(default_factory=uuid4)
    room_id: UUID = field(default_factory=uuid4)
    speaker_id: UUID = field(default_factory=uuid4)

    def memory(self, text: str = "Hello", *, created_at: datetime | None = None, **changes: Any) -> Memory:
        """Make a message of the speaker in the room."""
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
        """Make the start of a turn.

        The message and the invocation are new.
        """
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
        """Make the start of another invocation for the same message."""
        return replace(start, run_id=uuid4(), lease_owner=uuid4(), **changes)

    def end(self, start: TurnStart, context: TurnContext, **changes: Any) -> TurnEnd:
        """Make the end of a begun turn.

        By default the turn is completed without an answer.
        """
        end = TurnEnd(
            run_id=claimed(context).id,
            agent_id=start.agent_id,
            lease_owner=start.lease_owner,
            status=RunStatus.COMPLETED,
            result={"text": "Done."},
        )
        return replace(end, **changes)

    async def play(self, database: DatabaseAdapter, text: str = "Hello", **changes: Any) -> TurnContext:
        """Begin and finish one turn."""
        start = self.start(text, **changes)
        context = await database.turns.begin(start)
        await database.turns.finish(self.end(start, context))
        return context


def claimed(context: TurnContext) -> Run:
    """Return the run of a successful claim, or fail the test."""
    if context.run is None or context.outcome not in {Outcome.NEW, Outcome.RESUME}:
        raise AssertionError(f"the outcome of the claim is {context.outcome}")
    return context.run


async def census(database: DatabaseAdapter, *agent_ids: UUID) -> dict[str, int]:
    """Count the rows of these agents by table.

    Returns:
        The counts by table and agent, and as `every agent` the number of all agents of the database.
    """
    counts = {"every agent": len(await database.records.find(Agent, None))}
    for agent_id in agent_ids:
        for kind, table in RECORD_TABLES.items():
            counts[f"{table} of {agent_id}"] = len(await database.records.find(kind, agent_id))
        counts[f"memories of {agent_id}"] = await database.memories.count(agent_id, MemoryFilter(table=None))
    return counts
