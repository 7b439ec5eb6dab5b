"""Postgres outages and restarts: what survives, is retried or is refused."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.postgres.pool import StoreConnection
from runtime_core.domain.run import Outcome
from runtime_core.errors import DeadlineExceeded, StoreUnavailable
from runtime_core.ports import MemoryFilter
from runtime_core.support.deadline import Deadline, deadline
from runtime_core.testing.scene import Scene
from tests.databases import PostgresServer
from tests.wire import WireProxy

pytestmark = pytest.mark.postgres


class SetClock:
    """Monotonic clock that the test advances."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PostgresServer]:
    """Separate server that tests may kill."""
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
async def mortal(mortal_server: PostgresServer) -> AsyncIterator[PostgresAdapter]:
    adapter = PostgresAdapter(mortal_server.url(mortal_server.lend_database()))
    yield adapter
    await adapter.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_turn_begins_after_the_database_was_killed_and_restarted(
    mortal_server: PostgresServer, mortal: PostgresAdapter, mode: str
) -> None:
    scene = Scene()
    await scene.play(mortal)
    mortal_server.stop(mode)
    mortal_server.start()
    context = await mortal.turns.begin(scene.start("Are you there?"))
    assert (context.outcome, len(context.messages)) == (Outcome.NEW, 1)


async def test_a_turn_ends_after_the_database_was_killed_while_the_model_thought(
    mortal_server: PostgresServer, mortal: PostgresAdapter
) -> None:
    scene = Scene()
    start = scene.start()
    context = await mortal.turns.begin(start)
    mortal_server.stop("immediate")
    mortal_server.start()
    await mortal.turns.finish(scene.end(start, context, answers=(scene.memory("Here."),)))
    assert await mortal.memories.count(scene.agent_id, MemoryFilter()) == 2


async def test_a_database_that_is_down_is_unavailable_and_works_once_it_is_up(
    mortal_server: PostgresServer, mortal: PostgresAdapter
) -> None:
    scene = Scene()
    await scene.play(mortal)
    mortal_server.stop()
    with pytest.raises(StoreUnavailable) as caught:
        await scene.play(mortal)
    assert caught.value.retryable
    mortal_server.start()
    assert (await scene.play(mortal)).outcome is Outcome.NEW


async def test_a_connection_the_network_forgot_is_found_dead_after_a_pause(wire: WireProxy) -> None:
    clock = SetClock()
    database = PostgresAdapter(wire.url, max_connections=1, clock=clock)
    scene = Scene()
    await scene.play(database)
    wire.cut()
    clock.now_s += 60
    await database.memories.create(scene.agent_id, [scene.memory("Never sent twice.")])
    assert await database.memories.count(scene.agent_id, MemoryFilter()) == 2
    assert wire.connections == 2
    await database.close()


async def test_an_idle_connection_is_checked_with_one_round_trip_and_a_busy_one_is_not(wire: WireProxy) -> None:
    clock = SetClock()
    database = PostgresAdapter(wire.url, max_connections=1, clock=clock)
    scene = Scene()
    await scene.play(database)
    for pause_s, round_trips in ((4.9, 2), (5.1, 3)):
        wire.reset()
        clock.now_s += pause_s
        await scene.play(database)
        assert (wire.round_trips, wire.connections) == (round_trips, 0)
    await database.close()


async def test_a_database_that_says_nothing_costs_no_more_than_the_deadline() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = PostgresAdapter(f"postgresql://postgres@127.0.0.1:{port}/nothing")
    with deadline(Deadline.after(0.1)), pytest.raises(StoreUnavailable, match="in time"):
        await database.ping()
    with deadline(Deadline.after(0.0)), pytest.raises(DeadlineExceeded):
        await database.ping()
    await database.close()
    server.close()
    await server.wait_closed()


async def test_a_cancelled_call_leaves_the_adapter_usable(postgres: PostgresAdapter, postgres_url: str) -> None:
    scene = Scene()
    await scene.play(postgres)
    blocker = await asyncpg.connect(postgres_url)
    async with blocker.transaction():
        await blocker.execute("lock table runs")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(postgres.turns.begin(scene.start("Cancelled")), 0.1)
    await blocker.close()
    assert (await postgres.turns.begin(scene.start("After"))).outcome is Outcome.NEW


async def test_a_check_that_the_deadline_cuts_gives_its_connection_back(wire: WireProxy) -> None:
    clock = SetClock()
    database = PostgresAdapter(wire.url, max_connections=1, clock=clock)
    scene = Scene()
    await scene.play(database)
    clock.now_s += 60
    wire.silent = True
    with deadline(Deadline.after(0.1)), pytest.raises(StoreUnavailable):
        await scene.play(database)
    wire.silent = False
    with deadline(Deadline.after(10)):
        assert len((await scene.play(database)).messages) == 1
    await database.close()


async def test_a_silent_peer_is_given_up_after_seconds_not_minutes(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url, connection_class=StoreConnection)
    connected = connection._transport.get_extra_info("socket")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    if sys.platform == "linux":
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    await connection.close()
