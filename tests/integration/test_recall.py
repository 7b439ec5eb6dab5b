"""Recall of earlier conversations through the whole pipeline, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Content, Memory
from runtime_core.recall.recall_task import knowledge_room_id
from tests.integration.conftest import Open, new_id, request_of
from tests.model_answers import Gate, embeddings, failure, held
from tests.model_server import EMBEDDINGS, ScriptedModelServer
from tests.wire import WireProxy

POTTER = string_to_uuid("Potter")
ANN = {"id": str(string_to_uuid("ann")), "name": "Ann"}


def system_text(server: ScriptedModelServer) -> str:
    return str(server.chats[-1]["messages"][0]["content"])


def embedding_calls(server: ScriptedModelServer) -> int:
    return sum(each.path.endswith(EMBEDDINGS) for each in server.requests)


async def talk(deployment: Any, room_id: str, *said: str) -> None:
    for text in said:
        await deployment.answer(request_of(text, room_id=room_id))


async def test_an_older_turn_comes_back_with_its_answer_by_its_words(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    async with open_deployment() as deployment:
        await talk(deployment, room_id, "My hounds are called Rex and Bella", *(f"Filler {n}" for n in range(20)))
        await talk(deployment, room_id, "What was my hound called?")
    assert "Rex" not in str(model_server.chats[-1]["messages"][1:])
    told = system_text(model_server)
    assert "# From earlier in this conversation" in told
    assert "User: My hounds are called Rex and Bella" in told
    assert "Potter: You said: My hounds are called Rex and Bella" in told
    assert told.index("User: My hounds") < told.index("Potter: You said: My hounds")
    assert "Filler 1" not in told.split("# From earlier")[1].replace("Filler 0", "")


async def test_facts_of_the_sender_and_passages_come_back(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    async with open_deployment() as deployment:
        first = await deployment.answer(request_of("Hello", entity=ANN))
        (message,) = await deployment.database.memories.get(POTTER, [first.message_id])
        await deployment.database.memories.create(
            POTTER,
            [
                Memory(
                    entity_id=message.entity_id,
                    room_id=string_to_uuid("another room"),
                    table="facts",
                    content=Content(text="The speaker is allergic to walnuts."),
                ),
                Memory(
                    entity_id=string_to_uuid("a stranger"),
                    room_id=string_to_uuid("a stranger's room"),
                    table="facts",
                    content=Content(text="A stranger's walnuts are secret."),
                ),
                Memory(
                    entity_id=POTTER,
                    room_id=knowledge_room_id(POTTER),
                    table="fragments",
                    content=Content(text="Walnut ash makes a brown glaze."),
                    metadata={"title": "Glazes"},
                ),
                Memory(
                    entity_id=string_to_uuid("a stranger"),
                    room_id=string_to_uuid("a stranger's room"),
                    table="fragments",
                    content=Content(text="A fragment of a stranger's long message on walnuts."),
                ),
            ],
        )
        await deployment.answer(request_of("May I eat walnuts?", entity=ANN, room_id=new_id()))
    told = system_text(model_server)
    assert "allergic to walnuts" in told
    assert "[Glazes] Walnut ash makes a brown glaze." in told
    assert "stranger" not in told


async def test_nothing_comes_back_when_recall_is_off(open_deployment: Open, model_server: ScriptedModelServer) -> None:
    room_id = new_id()
    async with open_deployment(recall="off") as deployment:
        await talk(deployment, room_id, "My hound is Rex", *(f"Filler {n}" for n in range(20)), "What is my hound?")
    assert "Rex" not in str(model_server.chats[-1])


async def test_hybrid_embeds_the_message_beside_the_claim_and_finds_by_meaning(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    model_server.answer_with(embeddings(2), path=EMBEDDINGS)
    async with open_deployment(recall="hybrid", embedding_model="meanings") as deployment:
        vector = tuple((await (await deployment.runtime(POTTER)).embed(["the very same"])).vectors[0])
        fact = Memory(
            entity_id=POTTER,
            room_id=knowledge_room_id(POTTER),
            table="fragments",
            content=Content(text="Kilns crack when cooled fast."),
            embedding=vector,
        )
        await deployment.database.memories.create(POTTER, [fact], embedding_model="meanings")
        asked = embedding_calls(model_server)
        result = await deployment.answer(request_of("the very same"))
    assert result.text
    assert embedding_calls(model_server) - asked == 1
    assert "Kilns crack when cooled fast." in system_text(model_server)


async def test_an_embedding_that_hangs_is_given_up_and_the_words_remain(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    gate = Gate()
    model_server.script(held(embeddings(2), gate), path=EMBEDDINGS)
    async with open_deployment(recall="hybrid", recall_timeout_s=0.05) as deployment:
        passage = Memory(
            entity_id=POTTER,
            room_id=knowledge_room_id(POTTER),
            table="fragments",
            content=Content(text="Kilns crack when cooled fast."),
        )
        await deployment.database.memories.create(POTTER, [passage])
        result = await deployment.answer(request_of("Why did the kiln crack?"))
    gate.open()
    assert result.text == "You said: Why did the kiln crack?"
    assert "Kilns crack when cooled fast." in system_text(model_server)


async def test_an_embedding_that_fails_costs_neither_answer_nor_words(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    model_server.script(failure(500), path=EMBEDDINGS)
    async with open_deployment(recall="hybrid") as deployment:
        result = await deployment.answer(request_of("Why did the kiln crack?"))
    assert result.text == "You said: Why did the kiln crack?"


async def test_two_identical_states_still_give_identical_requests(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    bodies = []
    async with open_deployment() as deployment:
        passages = [
            Memory(
                entity_id=POTTER,
                room_id=knowledge_room_id(POTTER),
                table="fragments",
                content=Content(text=f"Kiln number {n} is hot."),
            )
            for n in range(9)
        ]
        await deployment.database.memories.create(POTTER, passages)
        for _ in range(2):
            await deployment.answer(request_of("Which kiln is hot?", room_id=new_id()))
            bodies.append(model_server.chats[-1]["messages"])
    assert bodies[0] == bodies[1]


@pytest.mark.postgres
async def test_recall_by_words_costs_no_round_trip_and_by_meaning_one(
    wire: WireProxy, model_server: ScriptedModelServer, open_deployment: Open
) -> None:
    for settings, expected in (
        ({"recall": "off"}, 2),
        ({"recall": "text"}, 2),
        ({}, 2),
        ({"recall": "hybrid"}, 3),
        ({"embedding_model": "text-embedding-3-small"}, 3),
    ):
        async with open_deployment(database_url=wire.url, **settings) as deployment:
            room_id = new_id()
            await talk(deployment, room_id, *(f"Message {n}" for n in range(20)))
            wire.reset()
            await talk(deployment, room_id, "Message number 3?")
            assert wire.round_trips == expected, settings
