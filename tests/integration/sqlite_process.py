"""Commands for separate processes on one SQLite file.

Each command starts after a line on standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import apsw

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.adapters.sqlite.connection import SqliteFile
from runtime_core.domain.rows import read_json
from runtime_core.domain.run import TurnStart
from runtime_core.domain.values import encode_json


def say(line: str) -> None:
    """Write a line to the test, unbuffered."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def migrate(path: Path) -> None:
    """Migrate, and report the migrations applied by this process."""
    say(encode_json(await SqliteAdapter(path).migrate()))


async def claim(path: Path) -> None:
    """Claim the run of each message on the input, and report the outcomes."""
    adapter = SqliteAdapter(path)
    starts = read_json(list[TurnStart], sys.stdin.readline())
    say(encode_json([(await adapter.turns.begin(start)).outcome for start in starts]))
    await adapter.close()


async def hang(path: Path) -> None:
    """Begin a turn, then write without a commit."""
    (start,) = read_json(list[TurnStart], sys.stdin.readline())
    await SqliteAdapter(path).turns.begin(start)

    def write(connection: apsw.Connection) -> None:
        connection.execute("UPDATE memories SET metadata = '{\"half\": true}'")
        connection.execute("UPDATE runs SET status = 'completed'")
        connection.cache_flush()
        say("in the middle")
        sys.stdin.read()

    await SqliteFile(path).write(write)


if __name__ == "__main__":
    work = {"migrate": migrate, "claim": claim, "hang": hang}[sys.argv[1]]
    say("ready")
    sys.stdin.readline()
    with asyncio.Runner() as runner:
        runner.run(work(Path(sys.argv[2])))
