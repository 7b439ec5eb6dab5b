"""Benchmark of a warm turn against a bare `openai` call: medians of alternating pairs.

`make bench` runs it. Both sides use the same server and run in this process, on one loop, so that noise of the machine
affects both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count, repeat
from typing import Any
from uuid import uuid4

import openai

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.message_request import parse_message_request
from runtime_core.settings import Settings
from tests.databases import PostgresServer

_ROOM_TURNS = 12  # turns of one conversation; a longer one also pays for history beyond its window


async def time_ms(call: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1000


async def measure(pairs: int, database_url: str, base_url: str) -> None:
    settings = Settings(
        database_url=database_url,
        openai_base_url=base_url,
        openai_api_key="sk-bench",
        agents="tests.integration.agents:AGENTS",
        log_level="ERROR",
    )
    client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-bench")
    rooms = (str(uuid4()) for _ in count())
    turns_of_a_room = chain.from_iterable(repeat(room_id, _ROOM_TURNS) for room_id in rooms)
    async with Deployment.open(settings) as deployment, client:

        async def turn() -> None:
            event = {"text": "How thick is slip?", "room_id": next(turns_of_a_room)}
            await deployment.answer(parse_message_request(event, limit_bytes=65_536))

        async def bare() -> None:
            message: Any = {"role": "user", "content": "How thick is slip?"}
            await client.chat.completions.create(model="gpt-5", messages=[message])

        for _ in range(20):
            await turn()
            await bare()
        turns, calls = [], []
        for _ in range(pairs):
            turns.append(await time_ms(turn))
            calls.append(await time_ms(bare))
    ratio = statistics.median(turn / call for turn, call in zip(turns, calls, strict=True))
    print(f"warm turn   {statistics.median(turns):6.2f} ms   stored twice, one model call")  # noqa: T201
    print(f"openai call {statistics.median(calls):6.2f} ms   bare, nothing stored")  # noqa: T201
    print(f"ratio       {ratio:6.2f}      median of {pairs} pairs")  # noqa: T201


@contextmanager
def model_server_process() -> Iterator[str]:
    """Run the scripted server in a separate process; yields its base URL.

    A separate process takes no time from the measured one.
    """
    command = [sys.executable, "-m", "tests.model_server", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["base_url"]
    finally:
        process.terminate()
        process.wait(timeout=10)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=200)
    pairs = arguments.parse_args().pairs
    with PostgresServer.running() as postgres, model_server_process() as base_url:
        asyncio.run(measure(pairs, postgres.url(postgres.new_database()), base_url))


if __name__ == "__main__":
    main()
