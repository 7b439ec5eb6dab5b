"""Lambda's runtime interface emulator around a handler: real init, invoke, timeout, kill and restart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.databases import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("RUNTIME_EMULATOR", ROOT / ".venv" / "rie" / "aws-lambda-rie"))
INVOKE = "/2015-03-31/functions/function/invocations"
START_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEmulator:
    """One function under the emulator.

    Attributes:
        log: File with what the emulator and the function wrote.
    """

    url: str
    log: Path

    def invoke(self, event: object) -> Any:
        """The function's answer; errors come as values too (`errorType`), as the emulator has no other way."""
        answer = httpx2.post(f"{self.url}{INVOKE}", json=event, timeout=60)
        return answer.json() if answer.text.startswith(("{", "[")) else answer.text

    def lines(self, text: str) -> list[str]:
        """The lines written so far that hold a text."""
        return [line for line in self.log.read_text().splitlines() if text in line]


@contextmanager
def emulated(
    handler: str, variables: Mapping[str, str], log: Path, *, timeout_s: int = 30
) -> Iterator[RuntimeEmulator]:
    """Run a handler under the emulator; `variables` are added to what Lambda sets."""
    if not PROGRAM.exists():
        raise FileNotFoundError(f"{PROGRAM} is not there; `make test` fetches it")
    port, runtime_port = free_port(), free_port()
    command = [
        str(PROGRAM),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
        *(sys.executable, "-m", "awslambdaric", handler),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "mayfly",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_REGION": "eu-central-1",
        "LAMBDA_TASK_ROOT": str(ROOT),
        **variables,
    }
    with log.open("wb") as written:
        # A session of its own, so that the function it started ends with it.
        process = subprocess.Popen(command, env=environment, stdout=written, stderr=written, start_new_session=True)
    try:
        _wait_until_listening(port, process)
        yield RuntimeEmulator(url=f"http://127.0.0.1:{port}", log=log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > limit:
                raise
            _moment(process)
        else:
            return


def _moment(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the process to end, or else to go on starting."""
    try:
        process.wait(0.02)
    except subprocess.TimeoutExpired:
        return
