"""Round trips of a turn, counted between the adapter and a real server."""

from __future__ import annotations

import asyncio

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.ports import MemoryFilter
from runtime_core.support.scope import turn_scope
from runtime_core.testing.scene import Scene
from tests.wire import WireProxy

pytestmark = pytest.mark.postgres


async def test_a_warm_turn_is_two_round_trips_on_one_connection(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url, max_connections=1)
    await count_turns(database, wire, round_trips=2)
    await database.close()


async def test_behind_a_pooler_a_turn_is_four_round_trips(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url, max_connections=1, pooler="transaction")
    await count_turns(database, wire, round_trips=4)
    await database.close()


async def count_turns(database: PostgresAdapter, wire: WireProxy, *, round_trips: int) -> None:
    scene = Scene()
    await scene.play(database)
    assert wire.connections == 1
    for turn in range(10):
        wire.reset()
        with turn_scope(scene.agent_id, scene.room_id) as scope:
            context = await scene.play(database, f"Message {turn}")
        assert (wire.round_trips, wire.connections) == (round_trips, 0)
        assert scope.round_trips == round_trips
        assert scope.database_ms > 0
        assert len(context.messages) == turn + 1


async def test_the_first_turn_prepares_its_two_statements(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url)
    scene = Scene()
    with turn_scope(scene.agent_id, scene.room_id) as scope:
        await scene.play(database)
    assert (wire.round_trips, wire.connections) == (4, 1)
    assert scope.round_trips == 4
    await database.close()


async def test_turns_at_once_count_their_round_trips_apart(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url, max_connections=2)

    async def played(turns: int) -> int:
        scene = Scene()
        with turn_scope(scene.agent_id, scene.room_id) as scope:
            for _ in range(turns):
                await scene.play(database)
        return scope.round_trips

    counted = await asyncio.gather(played(2), played(9))
    assert sum(counted) == wire.round_trips
    assert counted[0] < counted[1]
    await database.close()


async def test_a_turn_inside_another_counts_for_both(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url)
    outer, inner = Scene(), Scene()
    with turn_scope(outer.agent_id, outer.room_id) as around:
        await outer.play(database)
        with turn_scope(inner.agent_id, inner.room_id) as inside:
            await inner.play(database)
    assert (inside.round_trips, around.round_trips) == (2, 6)
    await database.close()


async def test_a_turn_needs_no_round_trip_more_after_other_work(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url, max_connections=1)
    scene = Scene()
    await scene.play(database)
    await database.memories.find(scene.agent_id, MemoryFilter())
    await database.ping()
    wire.reset()
    await scene.play(database)
    assert (wire.round_trips, wire.connections) == (2, 0)
    await database.close()


async def test_making_an_adapter_connects_to_nothing(wire: WireProxy) -> None:
    database = PostgresAdapter(wire.url)
    await database.close()
    assert wire.connections == 0
