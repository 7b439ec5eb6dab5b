"""Facts: stored once, superseded by newer ones, with their history kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.chat import TextResponse
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.world import Entity, Participant, Room, World
from runtime_core.plugin_api import Context, Plugin
from runtime_core.plugins.bootstrap.evaluators.reflection import reflection
from runtime_core.recall.facts import PAST_FACTS, Statement, StoredFacts, find_history, store_facts
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.support.arguments import call

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def tell(runtime: Context, message: Memory, text: str, *replaced: Memory, **changes: Any) -> StoredFacts:
    claim = Statement(text=text, about=message.entity_id, source=message, replaces=tuple(each.id for each in replaced))
    return await store_facts(runtime, [replace(claim, **changes)], now=NOON)


async def facts(runtime: Context, table: str = "facts") -> list[str]:
    return [each.content.text for each in await runtime.get_memories(table=table)]


async def test_a_fact_carries_whom_it_is_about_and_where_it_comes_from(runtime: AgentRuntime, message: Memory) -> None:
    (fact,) = (await tell(runtime, message, "Ann lives in Lisbon.")).new
    (stored,) = await runtime.search_facts("Where does Ann live?")
    assert stored.id == fact.id
    assert (stored.entity_id, stored.room_id) == (message.entity_id, message.room_id)
    assert stored.metadata["source_message_id"] == str(message.id)


@pytest.mark.parametrize("again", ["Ann lives in Lisbon.", "ann lives in Lisbon", "Ann lives in the Lisbon!"])
async def test_the_same_fact_in_other_marks_is_kept_once(runtime: AgentRuntime, message: Memory, again: str) -> None:
    await tell(runtime, message, "Ann lives in Lisbon.")
    assert (await tell(runtime, message, again, source=replace(message, id=uuid4()))).new == []
    assert await facts(runtime) == ["Ann lives in Lisbon."]


async def test_the_same_words_in_another_order_are_another_fact(runtime: AgentRuntime, message: Memory) -> None:
    await tell(runtime, message, "Ann likes tea, not coffee.")
    await tell(runtime, message, "Ann likes coffee, not tea.")
    assert len(await facts(runtime)) == 2


async def test_a_newer_fact_takes_the_place_of_the_one_it_contradicts(runtime: AgentRuntime, message: Memory) -> None:
    (old,) = (await tell(runtime, message, "Ann lives in Lisbon.")).new
    kept = await tell(runtime, message, "Ann lives in Porto.", old)
    assert [each.id for each in kept.superseded] == [old.id]
    assert await facts(runtime) == ["Ann lives in Porto."]
    assert [each.content.text for each in await runtime.search_facts("Where does Ann live?")] == ["Ann lives in Porto."]


async def test_the_past_of_a_fact_goes_back_to_the_first(runtime: AgentRuntime, message: Memory) -> None:
    fact = (await tell(runtime, message, "Ann lives in Lisbon.")).new[0]
    for city in ("Porto", "Faro"):
        fact = (await tell(runtime, message, f"Ann lives in {city}.", fact)).new[0]
    past = await find_history(runtime, fact)
    assert [each.content.text for each in past] == ["Ann lives in Porto.", "Ann lives in Lisbon."]
    assert past[0].metadata["superseded_by"] == str(fact.id)
    assert past[0].metadata["superseded_at"] == NOON.isoformat()
    assert past[0].metadata["source_message_id"] == str(message.id)


async def test_nobody_replaces_what_is_known_of_another(runtime: AgentRuntime, message: Memory) -> None:
    (of_ann,) = (await tell(runtime, message, "Ann lives in Lisbon.")).new
    kept = await tell(runtime, message, "Bob lives in Porto.", of_ann, about=uuid4())
    assert kept.superseded == []
    assert len(await facts(runtime)) == 2


async def test_done_twice_it_is_done_once(runtime: AgentRuntime, message: Memory) -> None:
    (old,) = (await tell(runtime, message, "Ann lives in Lisbon.")).new
    for _ in range(2):
        await tell(runtime, message, "Ann lives in Porto.", old)
    assert (await facts(runtime), await facts(runtime, PAST_FACTS)) == (
        ["Ann lives in Porto."],
        ["Ann lives in Lisbon."],
    )


async def test_a_fact_held_twice_after_a_stop_is_put_right_the_next_time(
    runtime: AgentRuntime, message: Memory
) -> None:
    (old,) = (await tell(runtime, message, "Ann lives in Lisbon.")).new
    await tell(runtime, message, "Ann lives in Porto.", old)
    await runtime.create_memories([old])  # as after an interruption before the delete
    kept = await tell(runtime, message, "Ann lives in Porto.", old)
    assert (len(kept.new), len(kept.superseded)) == (0, 1)
    assert await facts(runtime) == ["Ann lives in Porto."]


@pytest.fixture
async def reflecting(adapter: SqliteAdapter) -> AsyncIterator[tuple[AgentRuntime, list[Any], list[str]]]:
    """An agent with a scripted model: the runtime, the answers, and the prompts it received."""
    notes: list[Any] = []
    asked: list[str] = []

    async def write(_runtime: Any, params: Any) -> TextResponse:
        asked.append(params["messages"][-1].text)
        return TextResponse(text=json.dumps(notes.pop(0)))

    model = Plugin(name="notes", models={"TEXT_LARGE": write, "TEXT_SMALL": write})
    async with AgentRuntime(character={"name": "Ada", "bio": "b"}, plugins=[model], adapter=adapter) as runtime:
        yield runtime, notes, asked


async def test_reflection_names_what_is_known_by_number_and_supersedes_it(
    reflecting: tuple[AgentRuntime, list[Any], list[str]],
) -> None:
    runtime, notes, asked = reflecting
    world, ann = World(id=uuid4(), name="w"), Entity(id=uuid4(), names=("Ann",))
    room = Room(id=uuid4(), world_id=world.id)
    await runtime.database.records.insert(
        runtime.agent_id, [world, room, ann, Participant(room_id=room.id, entity_id=ann.id)]
    )
    message = Memory(entity_id=ann.id, room_id=room.id, content=Content(text="I live in Lisbon and keep a hound."))
    notes.append({"facts": [{"about": "Ann", "claim": f"Ann {each}."} for each in ("lives in Lisbon", "has a hound")]})
    await call(reflection.handler, (runtime, message))
    assert "1. Ann lives in Lisbon." not in asked[0]

    later = replace(message, id=uuid4(), content=Content(text="I moved to Porto."), created_at=NOON + timedelta(days=1))
    known = [each.content.text for each in reversed(await runtime.get_memories(table="facts"))]
    number = known.index("Ann lives in Lisbon.") + 1
    notes.append({"facts": [{"about": "Ann", "claim": "Ann lives in Porto.", "replaces": [number, 99, "x"]}]})
    result = await call(reflection.handler, (runtime, later))
    assert f"{number}. Ann lives in Lisbon." in asked[1]
    assert result.data == {"facts": 1, "relationships": 0, "superseded": 1}
    assert set(await facts(runtime)) == {"Ann has a hound.", "Ann lives in Porto."}
    (past,) = await runtime.get_memories(table=PAST_FACTS)
    assert past.content.text == "Ann lives in Lisbon."
