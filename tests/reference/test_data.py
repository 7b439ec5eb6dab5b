"""Database abstraction: methods for memories, entities, relationships, facts and other records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from runtime_core import Memory, MemoryType, ParticipantState
from runtime_core.errors import RecordNotFound
from runtime_core.runtime.runtime import AgentRuntime


@pytest.mark.example("Memory Operations")
@pytest.mark.spec("R14", "D1", "D2")
async def test_memory_operations(runtime: AgentRuntime, message: Memory, user_id: UUID) -> None:
    # Store a message
    memory_id = await runtime.create_memory(
        {
            "type": MemoryType.MESSAGE,
            "content": {"text": "User message in a previous conversation"},
            "room_id": message.room_id,
            "user_id": message.entity_id,
        }
    )

    # Search memories
    memories = await runtime.search_memories(
        "previous conversation",
        10,  # limit
    )

    # Get specific memory
    memory = await runtime.get_memory_by_id(memory_id)

    assert memory is not None
    assert (memory.entity_id, memory.table) == (user_id, MemoryType.MESSAGE)
    assert [each.id for each in memories] == [memory_id]


@pytest.mark.example("Database Abstraction")
@pytest.mark.spec("R14", "D3", "D5")
async def test_database_abstraction(runtime: AgentRuntime, room_id: UUID) -> None:
    # Entity management
    ada, bob = uuid4(), uuid4()
    await runtime.create_entity({"id": ada, "names": ["Ada"]})
    await runtime.create_entity({"id": bob, "names": ["Bob"]})
    await runtime.update_entity({"id": ada, "names": ["Ada", "Countess"], "metadata": {"born": 1815}})
    entity = await runtime.get_entity(ada)
    assert entity is not None
    assert (entity.names, entity.metadata, entity.agent_id) == (("Ada", "Countess"), {"born": 1815}, runtime.agent_id)
    assert entity.created_at is not None
    assert entity.created_at.utcoffset() == timedelta(0)
    assert await runtime.get_entity(uuid4()) is None

    # Relationships
    await runtime.create_relationship({"source_entity_id": ada, "target_entity_id": bob, "tags": ["friend"]})
    [relationship] = await runtime.get_relationships(bob)
    assert (relationship.source_entity_id, relationship.tags) == (ada, ("friend",))
    assert await runtime.get_relationships(ada, ["enemy"]) == []

    # Facts and knowledge
    fact_id = await runtime.create_fact(
        {"entity_id": ada, "room_id": room_id, "content": {"text": "Ada likes engines"}}
    )
    await runtime.create_memory({"entity_id": ada, "room_id": room_id, "content": {"text": "engines!"}})
    assert [each.id for each in await runtime.search_facts("engines")] == [fact_id]


@pytest.mark.spec("R14", "D3")
async def test_every_other_verb_on_memories(runtime: AgentRuntime, message: Memory, room_id: UUID) -> None:
    first, second = await runtime.create_memories(
        [{"room_id": room_id, "content": {"text": text}, "table": "notes"} for text in ("one", "two")]
    )
    await runtime.update_memory({"id": first, "room_id": room_id, "content": {"text": "uno"}, "table": "notes"})
    assert [each.content.text for each in await runtime.get_memories_by_ids([second, first])] == ["two", "uno"]
    assert await runtime.count_memories(table="notes", room_id=room_id) == 2
    assert await runtime.delete_memory(first)
    assert not await runtime.delete_memory(first)
    assert [each.id for each in await runtime.get_memories(table="notes")] == [second]
    assert [each.id for each in await runtime.get_memories(table="notes", room_ids=[room_id, uuid4()])] == [second]


@pytest.mark.spec("R14", "D3")
async def test_every_verb_on_rooms_worlds_participants_components_and_tasks(runtime: AgentRuntime) -> None:
    world_id, room_id, entity_id = uuid4(), uuid4(), uuid4()
    await runtime.create_world({"id": world_id, "name": "World"})
    await runtime.create_room({"id": room_id, "world_id": world_id, "name": "Room", "type": "GROUP"})
    await runtime.create_entity({"id": entity_id, "names": ["Ada"]})
    assert await runtime.add_participant(entity_id, room_id)
    assert not await runtime.add_participant(entity_id, room_id)
    assert await runtime.get_participants_for_room(room_id) == [entity_id]
    assert await runtime.get_rooms_for_participant(entity_id) == [room_id]
    await runtime.set_participant_user_state(room_id, entity_id, "MUTED")
    assert await runtime.get_participant_user_state(room_id, entity_id) is ParticipantState.MUTED
    await runtime.set_participant_user_state(room_id, entity_id, None)
    assert await runtime.get_participant_user_state(room_id, entity_id) is None
    with pytest.raises(RecordNotFound):
        await runtime.set_participant_user_state(room_id, uuid4(), "MUTED")

    component_id = await runtime.create_component({"entity_id": entity_id, "type": "profile", "data": {"age": 36}})
    await runtime.update_component({"id": component_id, "entity_id": entity_id, "type": "profile", "data": {"age": 37}})
    [component] = await runtime.get_components(entity_id, type="profile")
    assert component.data == {"age": 37}
    assert await runtime.delete_component(component_id)

    task_id = await runtime.create_task({"name": "REMIND", "tags": ["queue"], "room_id": room_id})
    await runtime.update_task({"id": task_id, "name": "REMIND", "tags": ["queue", "repeat"], "room_id": room_id})
    assert [each.id for each in await runtime.get_tasks(tags=("repeat",))] == [task_id]
    assert await runtime.delete_task(task_id)
    assert await runtime.get_task(task_id) is None

    await runtime.update_room({"id": room_id, "world_id": world_id, "name": "Hall"})
    assert [each.name for each in await runtime.get_rooms(world_id)] == ["Hall"]
    assert [each.id for each in await runtime.get_all_worlds()].count(world_id) == 1
    assert await runtime.remove_participant(entity_id, room_id)
    assert await runtime.delete_room(room_id)
    assert await runtime.get_room(room_id) is None


@pytest.mark.spec("R14", "D3")
async def test_the_verbs_on_many_records_at_once(runtime: AgentRuntime) -> None:
    people = [{"id": uuid4(), "names": [f"Person {number}"]} for number in range(20)]
    ids = await runtime.create_entities(people)
    assert ids == [each["id"] for each in people]
    assert [each.names[0] for each in await runtime.get_entities_by_ids(ids)] == [f"Person {n}" for n in range(20)]
    await runtime.update_entities([{**each, "metadata": {"seen": True}} for each in people])
    assert all(each.metadata == {"seen": True} for each in await runtime.get_entities_by_ids(ids))
    rooms = await runtime.create_rooms([{"id": uuid4(), "name": f"Room {number}"} for number in range(3)])
    assert await runtime.add_participants(ids, rooms[0]) == 20
    assert set(await runtime.get_participants_for_room(rooms[0])) == set(ids)
    assert [each.name for each in await runtime.get_rooms_by_ids(rooms)] == ["Room 0", "Room 1", "Room 2"]
    assert len(await runtime.get_entities_for_room(rooms[0])) == 20


@pytest.mark.spec("R14", "D3")
async def test_the_verbs_on_cache_logs_agents_and_runs(runtime: AgentRuntime, message: Memory) -> None:
    await runtime.set_cache("key", {"n": 1})
    assert await runtime.get_cache("key") == {"n": 1}
    await runtime.set_cache("gone", 1, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert await runtime.get_cache("gone") is None
    assert await runtime.delete_cache("key")
    log_id = await runtime.log({"type": "test.said", "body": {"n": 1}})
    assert [each.id for each in await runtime.get_logs(type="test.said")] == [log_id]
    agent = await runtime.get_agent(runtime.agent_id)
    assert agent is not None
    assert agent.name == "Assistant"
    assert [each.id for each in await runtime.get_agents()] == [runtime.agent_id]
    result = await runtime.message_service.handle_message(runtime, message)
    run = await runtime.get_run(result.run_id)
    assert run is not None
    assert (run.message_id, run.status.value) == (message.id, "completed")
    assert await runtime.get_run(uuid4()) is None
