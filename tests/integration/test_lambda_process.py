"""Handler in a separate process, event after event, as on Lambda."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.domain.ids import string_to_uuid
from runtime_core.ports import MemoryFilter
from tests.databases import PostgresServer
from tests.integration.conftest import new_id
from tests.model_server import ScriptedModelServer
from tests.wire import WireProxy

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


class LambdaProcess:
    """Parent side of `lambda_process.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def invoke(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Send events in sequence.

        Returns:
            Their results, and the memory in use afterwards.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"events": events}).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), timeout=100)
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def lambda_process(database_url: str, server: ScriptedModelServer) -> AsyncIterator[LambdaProcess]:
    """New environment that answers through the scripted model."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests/integration/lambda_process.py"),
        "handlers.message:handler",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * MIB,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "AWS_LAMBDA_FUNCTION_NAME": "mayfly-message",
            "DATABASE_URL": database_url,
            "OPENAI_API_KEY": "sk-test-1234",
            "OPENAI_BASE_URL": server.base_url,
            "LOG_LEVEL": "ERROR",
        },
    )
    try:
        yield LambdaProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), timeout=20) == 0


def message(text: str, room_id: str) -> dict[str, Any]:
    return {"text": text, "room_id": room_id}


async def test_a_thousand_warm_invocations_cost_two_round_trips_and_one_model_call_each(
    wire: WireProxy, postgres: PostgresAdapter, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    async with lambda_process(wire.url, model_server) as environment:
        first = await environment.invoke(*(message(f"Cold {n}", room_id) for n in range(2)))
        assert wire.connections == model_server.connection_count == 1
        wire.reset()
        asked_before = model_server.request_count
        answers = [
            await environment.invoke(*(message(f"Warm {batch}.{n}", room_id) for n in range(50))) for batch in range(20)
        ]
    results = [*first["results"], *(result for each in answers for result in each["results"])]
    growth_bytes = answers[-1]["rss_bytes"] - answers[1]["rss_bytes"]
    assert [each for each in results if "text" not in each] == []
    assert wire.round_trips == 2 * 1000
    assert wire.connections == 0
    assert model_server.request_count - asked_before == 1000
    assert model_server.connection_count == 1
    assert growth_bytes / MIB < 2
    stored = await postgres.memories.find(string_to_uuid("Ada"), MemoryFilter(room_ids=(UUID(room_id),)), limit=10_000)
    answered = [each.content.in_reply_to for each in stored if each.content.in_reply_to]
    assert len(stored) == 2004
    assert {str(each) for each in answered} == {each["message_id"] for each in results}
    assert len(set(answered)) == len(answered) == 1002


async def test_a_database_restarted_between_two_events_costs_neither_of_them(
    model_server: ScriptedModelServer,
) -> None:
    server = PostgresServer.create()
    room_id = new_id()
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.make_template)
        url = server.url(await asyncio.to_thread(server.new_database))
        async with lambda_process(url, model_server) as environment:
            before = await environment.invoke(message("Before", room_id))
            await asyncio.to_thread(server.stop)  # not a crash: the test server runs without fsync
            await asyncio.to_thread(server.start)
            after = await environment.invoke(message("After", room_id))
    finally:
        await asyncio.to_thread(server.remove)
    assert [each["text"] for each in (*before["results"], *after["results"])] == ["You said: Before", "You said: After"]
    assert [each["content"] for each in model_server.chats[-1]["messages"][1:]] == [
        "Before",
        "You said: Before",
        "After",
    ]
