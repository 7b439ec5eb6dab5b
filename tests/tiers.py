"""Guards of the test tiers: processes and databases that a tier refuses.

`tests/unit` starts no process and opens no database, `tests/component` starts no process.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import apsw
import asyncpg
import pytest

# `platform.uname` reads the processor's name with it, once in a process; the OpenAI SDK sends it in a header.
ALLOWED_COMMAND = ["uname", "-p"]


@contextmanager
def refuse_processes(tier: str, instead: str) -> Iterator[None]:
    """Fail the test that starts a process.

    Args:
        tier: Folder of the test, for the message.
        instead: Folder that such a test belongs to.

    Raises:
        pytest.fail.Exception: From the call that starts it, and again at the end if the code under test caught it.
    """
    refused: list[str] = []
    start = subprocess.Popen.__init__

    def refuse(command: object) -> NoReturn:
        refused.append(f"{tier} starts no process, and this test starts {command!r}: move it to {instead}")
        pytest.fail(refused[-1])

    def refuse_command(process: subprocess.Popen[Any], args: Any, *rest: Any, **named: Any) -> None:
        if args != ALLOWED_COMMAND:
            refuse(args)
        start(process, args, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", refuse_command)
        patch.setattr(BaseProcess, "start", refuse)
        yield
    if refused:
        pytest.fail(refused[0])


@contextmanager
def refuse_databases(tier: str, instead: str) -> Iterator[None]:
    """Fail the test that opens a SQLite database or connects to Postgres.

    Args:
        tier: Folder of the test, for the message.
        instead: Folder that such a test belongs to.

    Raises:
        pytest.fail.Exception: From the call that opens it, and again at the end if the code under test caught it.
    """
    refused: list[str] = []

    def refuse(database: str) -> NoReturn:
        refused.append(f"{tier} opens no database, and this test opens {database}: move it to {instead}")
        pytest.fail(refused[-1])

    def refuse_sqlite(connection: apsw.Connection) -> None:
        refuse(f"the SQLite database {connection.filename or ':memory:'}")

    def refuse_postgres(*_: object, **__: object) -> NoReturn:
        refuse("a connection to Postgres")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apsw, "connection_hooks", [refuse_sqlite, *apsw.connection_hooks])
        patch.setattr(asyncpg, "connect", refuse_postgres)
        patch.setattr(asyncpg, "create_pool", refuse_postgres)
        yield
    if refused:
        pytest.fail(refused[0])
