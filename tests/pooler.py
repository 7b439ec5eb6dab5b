"""Transaction-mode pooler before Postgres, if pgbouncer is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.databases import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

CONFIGURATION = """
[databases]
{database} = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {server_connections}
logfile = {folder}/log
"""


@contextmanager
def pooled(url: str, *, server_connections: int = 2) -> Iterator[str]:
    """Run pgbouncer in transaction mode before a database, and yield its URL."""
    if PROGRAM is None:
        raise FileNotFoundError("pgbouncer is not installed")
    parts = urlsplit(url)
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="mayfly-pgbouncer-"))
    folder.chmod(0o777)  # as root, pgbouncer runs as another user
    configuration = CONFIGURATION.format(
        database=parts.path.lstrip("/"),
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        listen_port=port,
        server_connections=server_connections,
        folder=folder,
    )
    (folder / "pgbouncer.ini").write_text(configuration)
    user = "nobody" if os.geteuid() == 0 else None
    process = subprocess.Popen([PROGRAM, "-q", str(folder / "pgbouncer.ini")], user=user)
    try:
        _listening(port)
        yield urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _listening(port: int) -> None:
    """Wait until pgbouncer accepts connections, its only sign of readiness."""
    give_up_at_s = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            if time.monotonic() > give_up_at_s:
                raise
            time.sleep(0.01)
        else:
            return
