"""In-process embedding by a single runtime and by a long-running deployment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.events import EventType
from runtime_core.domain.memory import Memory
from runtime_core.errors import InvalidInput, ModelRequestRejected, RecordNotFound
from runtime_core.plugin_api import Context
from runtime_core.ports import MemoryFilter
from runtime_core.runtime.runtime import AgentRuntime
from tests.integration.conftest import Open, conversation, new_id, request_of
from tests.model_answers import embeddings, failure
from tests.model_server import EMBEDDINGS, ScriptedModelServer


@pytest.fixture
async def runtime(database_url: str, model_server: ScriptedModelServer) -> AsyncIterator[AgentRuntime]:
    model_server.answer_with(embeddings(8), path=EMBEDDINGS)
    settings = {
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "EMBEDDING_DIMENSION": "8",
        "REFLECTION": "off",
        "RECALL": "off",
    }
    async with AgentRuntime(character={"name": "Potter", "bio": "A potter"}, settings=settings) as runtime:
        yield runtime


async def store_memory(runtime: Context, text: str) -> Memory:
    memory = runtime.as_message({"room_id": uuid4(), "content": {"text": text}})
    await runtime.create_memory(memory)
    return memory


async def has_embedding(runtime: Context, memory: Memory) -> bool:
    found = await runtime.get_memory_by_id(memory.id)
    return found is not None and found.embedding is not None


def embedding_calls(server: ScriptedModelServer) -> list[list[str]]:
    return [each.json["input"] for each in server.requests if each.path.endswith(EMBEDDINGS)]


async def test_a_queued_memory_is_embedded_in_the_background_and_events_are_emitted(runtime: AgentRuntime) -> None:
    told: list[tuple[str, Any]] = []
    done = asyncio.Event()

    def completed(event: dict[str, Any]) -> None:
        told.append(("completed", event["memory_id"]))
        done.set()

    runtime.on(EventType.EMBEDDING_GENERATION_REQUESTED, lambda event: told.append(("requested", event["memory_id"])))
    runtime.on(EventType.EMBEDDING_GENERATION_COMPLETED, completed)
    memory = await store_memory(runtime, "The kiln is hot")
    await runtime.queue_embedding_generation(memory, "high")
    async with asyncio.timeout(10):
        await done.wait()
    assert await has_embedding(runtime, memory)
    assert set(told) == {("requested", memory.id), ("completed", memory.id)}


async def test_a_changed_text_is_embedded_again_automatically(
    runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    memory = await runtime.add_embedding_to_memory(await store_memory(runtime, "Before"))
    done = asyncio.Event()
    runtime.on(EventType.EMBEDDING_GENERATION_COMPLETED, lambda _: done.set())
    await runtime.update_memory({"id": memory.id, "room_id": memory.room_id, "content": {"text": "After"}})
    async with asyncio.timeout(10):
        await done.wait()
    assert embedding_calls(model_server) == [["Before"], ["After"]]
    assert await has_embedding(runtime, memory)


async def test_a_memory_with_an_embedding_or_without_text_is_not_embedded(
    runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    blank = await store_memory(runtime, "  ")
    await runtime.queue_embedding_generation(blank)
    embedded = await runtime.add_embedding_to_memory(await store_memory(runtime, "One"))
    await runtime.queue_embedding_generation(embedded)
    assert embedding_calls(model_server) == [["One"]]


async def test_an_unstored_memory_and_an_unknown_priority_are_refused(runtime: AgentRuntime) -> None:
    unknown = runtime.as_message({"room_id": uuid4(), "content": {"text": "Never stored"}})
    with pytest.raises(RecordNotFound, match="store it first"):
        await runtime.queue_embedding_generation(unknown)
    with pytest.raises(RecordNotFound, match="store it first"):
        await runtime.add_embedding_to_memory(unknown)
    with pytest.raises(InvalidInput, match="high, normal or low"):
        await runtime.queue_embedding_generation(await store_memory(runtime, "One"), "urgent")


async def test_adding_an_embedding_returns_the_vector_or_raises_the_refusal(
    runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    memory = await runtime.add_embedding_to_memory(await store_memory(runtime, "Now"))
    assert memory.embedding is not None
    assert len(memory.embedding) == 8
    refused = await store_memory(runtime, "Refused")
    model_server.script(failure(400), embeddings(8), path=EMBEDDINGS)
    model_server.script(failure(400), path=EMBEDDINGS)
    with pytest.raises(ModelRequestRejected):
        await runtime.add_embedding_to_memory(refused)


async def test_stop_embeds_high_priority_jobs_and_leaves_the_rest_marked(
    runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    soon, late = await store_memory(runtime, "Soon"), await store_memory(runtime, "Late")
    await runtime.queue_embedding_generation(late, "low")
    await runtime.queue_embedding_generation(soon, "high")
    await runtime.stop()
    await runtime.initialize()
    assert await has_embedding(runtime, soon)
    wanted = await runtime.database.embeddings.wanted(
        runtime.agent_id, [soon.id, late.id], model=runtime.embedding_model()
    )
    assert await has_embedding(runtime, late) is not bool(wanted)


async def test_a_long_running_deployment_embeds_the_messages_of_a_turn(
    open_deployment: Open, model_server: ScriptedModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    model_server.answer_with(embeddings(8), path=EMBEDDINGS)
    room_id = new_id()
    async with open_deployment(embedding_dimension=8, recall="off", reflection="off") as deployment:
        async with deployment.embedding():
            await deployment.answer(request_of("Remember this", room_id=room_id))
            worker = deployment.embedding_worker
            assert worker is not None
            async with asyncio.timeout(20):
                await worker.drain()
        agent_id = deployment.agents[0].agent_id
        messages = await conversation(deployment.database, agent_id, room_id)
        found = await deployment.database.memories.get(agent_id, [each.id for each in messages])
        assert [each.embedding is not None for each in found] == [True, True]
        assert await deployment.database.memories.count(agent_id, MemoryFilter()) == 2
        assert deployment.embedding_worker is None


async def test_a_deployment_with_queues_does_not_embed_in_process(open_deployment: Open) -> None:
    queues = {f"embed_queue_url_{each}": f"http://127.0.0.1:9/{each}" for each in Priority}
    async with open_deployment(**queues) as deployment, deployment.embedding():
        assert deployment.embedding_worker is None
