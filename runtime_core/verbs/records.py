"""Verbs on entities, relationships, tasks, logs, agents and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from runtime_core.domain.records import Agent, Log
from runtime_core.domain.run import Run
from runtime_core.domain.task import Task
from runtime_core.domain.world import Component, Entity, Relationship
from runtime_core.ports import AgentData
from runtime_core.rooms.choices import note_choice
from runtime_core.verbs.stored import get_one, insert_many, insert_one, update_many, update_one


class RecordVerbs(AgentData, Protocol):
    """Verbs on records.

    A record may be given as a dict of its fields.
    """

    async def create_entity(self, entity: Entity | Mapping[str, Any]) -> UUID:
        return (await insert_one(self, Entity, entity)).id

    async def update_entity(self, entity: Entity | Mapping[str, Any]) -> None:
        await update_one(self, Entity, entity)

    async def get_entity(self, entity_id: UUID) -> Entity | None:
        return await get_one(self, Entity, entity_id)

    async def create_entities(self, entities: Sequence[Entity | Mapping[str, Any]]) -> list[UUID]:
        """Store entities, all or none, and return their ids in order."""
        return [each.id for each in await insert_many(self, Entity, entities)]

    async def update_entities(self, entities: Sequence[Entity | Mapping[str, Any]]) -> None:
        """Replace entities, all or none."""
        await update_many(self, Entity, entities)

    async def get_entities_by_ids(self, ids: Sequence[UUID]) -> list[Entity]:
        return await self.database.records.get(Entity, self.agent_id, ids)

    async def create_component(self, component: Component | Mapping[str, Any]) -> UUID:
        return (await insert_one(self, Component, component)).id

    async def update_component(self, component: Component | Mapping[str, Any]) -> None:
        await update_one(self, Component, component)

    async def get_components(self, entity_id: UUID, **fields: Any) -> list[Component]:
        return await self.database.records.find(Component, self.agent_id, entity_id=entity_id, **fields)

    async def delete_component(self, component_id: UUID) -> bool:
        return await self.database.records.delete(Component, self.agent_id, id=component_id) > 0

    async def create_relationship(self, relationship: Relationship | Mapping[str, Any]) -> UUID:
        return (await insert_one(self, Relationship, relationship)).id

    async def update_relationship(self, relationship: Relationship | Mapping[str, Any]) -> None:
        await update_one(self, Relationship, relationship)

    async def get_relationships(self, entity_id: UUID, tags: Sequence[str] = ()) -> list[Relationship]:
        """Return an entity's relationships in both directions.

        Returns:
            The relationships that have all the tags, oldest first.
        """
        wanted: dict[str, Any] = {"tags": tuple(tags)} if tags else {}
        records = self.database.records
        there = await records.find(Relationship, self.agent_id, source_entity_id=entity_id, **wanted)
        back = await records.find(Relationship, self.agent_id, target_entity_id=entity_id, **wanted)
        found = {each.id: each for each in (*there, *back)}
        return sorted(found.values(), key=lambda each: (str(each.created_at), each.id))

    async def create_task(self, task: Task | Mapping[str, Any]) -> UUID:
        """Store a task.

        A task tagged `AWAITING_CHOICE` is offered as a choice in its room.
        """
        created = await insert_one(self, Task, task)
        await note_choice(self.database.records, self.agent_id, created)
        return created.id

    async def update_task(self, task: Task | Mapping[str, Any]) -> None:
        await update_one(self, Task, task)

    async def get_task(self, task_id: UUID) -> Task | None:
        return await get_one(self, Task, task_id)

    async def get_tasks(self, **fields: Any) -> list[Task]:
        """Return the tasks whose fields equal these, oldest first.

        Example: `get_tasks(room_id=room_id, tags=("queue",))`.
        """
        return await self.database.records.find(Task, self.agent_id, **fields)

    async def delete_task(self, task_id: UUID) -> bool:
        return await self.database.records.delete(Task, self.agent_id, id=task_id) > 0

    async def log(self, log: Log | Mapping[str, Any]) -> UUID:
        """Append a line to the audit trail."""
        return (await insert_one(self, Log, log)).id

    async def get_logs(self, **fields: Any) -> list[Log]:
        return await self.database.records.find(Log, self.agent_id, **fields)

    async def get_agent(self, agent_id: UUID) -> Agent | None:
        """Return an agent of this database.

        Returns:
            None if there is none with this id.
        """
        return next(iter(await self.database.records.find(Agent, None, id=agent_id)), None)

    async def get_agents(self) -> list[Agent]:
        """Return the agents of this database, oldest first."""
        return await self.database.records.find(Agent, None)

    async def get_run(self, run_id: UUID) -> Run | None:
        """Return a run of one of this agent's messages.

        Returns:
            None if the agent has no run with this id.
        """
        run = await self.database.turns.get_run(run_id)
        return run if run is not None and run.agent_id == self.agent_id else None
