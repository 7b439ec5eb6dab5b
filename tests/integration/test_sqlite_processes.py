"""Several processes on one SQLite file, one of which may be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.run import Outcome, TurnStart
from runtime_core.domain.values import encode_json
from runtime_core.ports import MemoryFilter
from runtime_core.testing import Scene

PROCESS = Path(__file__).with_name("sqlite_process.py")
PROCESSES = 4
MESSAGES = 10
GO = "\n"


class Helper:
    """Process of `sqlite_process.py` that is ready to start."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, work: str, path: Path) -> Helper:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(str(PROCESS), work, str(path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        helper = cls(process)
        assert await helper.hear() == "ready"
        return helper

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())

    async def hear(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().strip()

    async def ended(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(30):
            return await self.process.wait()


async def all_at_once(work: str, path: Path, inputs: Sequence[str]) -> list[list[str]]:
    """Run the same work in one process per input, and return their outputs."""
    helpers = await asyncio.gather(*(Helper.start(work, path) for _ in inputs))
    for helper, given in zip(helpers, inputs, strict=True):
        helper.tell(GO + given)
    said = await asyncio.gather(*(helper.hear() for helper in helpers))
    assert await asyncio.gather(*(helper.ended() for helper in helpers)) == [0] * len(inputs)
    return [json.loads(line) for line in said]


def as_input(starts: Sequence[TurnStart]) -> str:
    return encode_json(starts) + "\n"


async def test_of_processes_that_claim_one_message_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    adapter = SqliteAdapter(path)
    await adapter.migrate()
    scene = Scene()
    starts = [scene.start(f"Message {n}") for n in range(MESSAGES)]
    claims = [[scene.again(start) for start in starts] for _ in range(PROCESSES)]
    outcomes = await all_at_once("claim", path, [as_input(each) for each in claims])
    for of_one_message in zip(*outcomes, strict=True):
        assert Counter(of_one_message) == {Outcome.NEW: 1, Outcome.RUNNING: PROCESSES - 1}
    assert await adapter.memories.count(scene.agent_id, MemoryFilter(table=None)) == MESSAGES
    await adapter.close()


async def test_of_processes_that_migrate_a_new_file_one_applies_each_migration(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "new.db"
    applied = await all_at_once("migrate", path, [""] * PROCESSES)
    names = [name for each in applied for name in each]
    assert names
    assert len(names) == len(set(names))
    adapter = SqliteAdapter(path)
    assert await adapter.ping() == adapter.schema_version
    await adapter.close()


async def test_a_writer_killed_in_the_middle_leaves_a_usable_file(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    adapter = SqliteAdapter(path)
    await adapter.migrate()
    scene = Scene()
    start = scene.start("Before the end", lease_s=0.0)
    helper = await Helper.start("hang", path)
    helper.tell(GO + as_input([start]))
    assert await helper.hear() == "in the middle"
    helper.process.kill()
    assert await helper.ended() != 0

    resumed = await adapter.turns.begin(scene.again(start))
    assert resumed.outcome is Outcome.RESUME
    assert resumed.message is not None
    assert (resumed.message.content.text, resumed.message.metadata) == ("Before the end", {})
    await adapter.close()
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()


@pytest.mark.parametrize("readers", [3])
async def test_readers_go_on_while_another_process_writes(tmp_path: Path, readers: int) -> None:
    path = tmp_path / "busy.db"
    adapters = [SqliteAdapter(path) for _ in range(readers)]
    await adapters[0].migrate()
    scene = Scene()
    start = scene.start()
    helper = await Helper.start("hang", path)
    helper.tell(GO + as_input([start]))
    assert await helper.hear() == "in the middle"
    kept = await asyncio.gather(*(each.memories.get(scene.agent_id, [start.message.id]) for each in adapters))
    assert [[memory.metadata for memory in each] for each in kept] == [[{}]] * readers
    helper.process.kill()
    await helper.ended()
    for each in adapters:
        await each.close()
