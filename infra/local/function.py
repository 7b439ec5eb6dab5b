"""Lambda function in the runtime interface emulator.

It runs one event at a time, and is killed at its timeout.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
# AWS's emulator from the wheel of the SAM command line; make downloads it.
PROGRAM = Path(os.environ.get("RUNTIME_EMULATOR", ROOT / ".venv" / "rie" / "aws-lambda-rie"))
INVOKE = "/2015-03-31/functions/function/invocations"
START_LIMIT_S = 20.0
ANSWER_MARGIN_S = 15.0  # beyond the function's timeout: the emulator starts the runtime and enforces the timeout
_PAUSE_S = 0.02


class FunctionFailed(Exception):
    """The handler raised, timed out, or its process died; Lambda would retry."""


@dataclass
class Function:
    """One execution environment, started by an event when none is running.

    Attributes:
        handler: `package.module.attribute`, as in the template.
        environment: Variables in addition to Lambda's; only PATH and HOME are inherited.
        log: File to which the output of emulator and handler is appended.
        starts: Number of starts of the emulator.
    """

    handler: str
    environment: Mapping[str, str]
    log: Path
    timeout_s: int = 60
    invocations: int = 0
    starts: int = 0
    _emulator: Emulator | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Invoke the function.

        Raises:
            FunctionFailed: The event was not completed.
        """
        with self._lock:
            emulator = self._ensure_running()
            self.invocations += 1
            try:
                response = emulator.invoke(event, timeout_s=self.timeout_s + ANSWER_MARGIN_S)
            except httpx2.TransportError as error:
                emulator.end()
                raise FunctionFailed(f"{self.handler}: {type(error).__name__}: {error}") from error
        return _parse_result(self.handler, response)

    @property
    def is_busy(self) -> bool:
        """Whether an event is running."""
        emulator = self._emulator
        return self._lock.locked() and emulator is not None and not emulator.has_ended

    def kill(self) -> None:
        """Kill the process at once, even during an event."""
        if (emulator := self._emulator) is not None:
            emulator.end()

    def close(self) -> None:
        """Kill the process and release it, if it runs."""
        self.kill()
        with self._lock:
            if self._emulator is not None:
                self._emulator.end()
                self._emulator = None

    def _ensure_running(self) -> Emulator:
        if self._emulator is None or self._emulator.has_ended:
            self.starts += 1
            self._emulator = Emulator.start(self.handler, self.environment, self.log, timeout_s=self.timeout_s)
        return self._emulator


@dataclass(frozen=True)
class Emulator:
    """Process of the emulator and its runtime, in a separate session."""

    process: subprocess.Popen[bytes]
    url: str

    @classmethod
    def start(cls, handler: str, environment: Mapping[str, str], log: Path, *, timeout_s: int) -> Emulator:
        """Start the emulator and wait until it listens.

        The runtime starts with the first event.

        Raises:
            FunctionFailed: The emulator is not installed, or did not start.
        """
        if not PROGRAM.exists():
            raise FunctionFailed(f"the emulator {PROGRAM} does not exist: run `make local` or `make test`")
        port, runtime_port = _free_port(), _free_port()
        command = [
            str(PROGRAM),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *("--log-level", "error"),  # the default is LOG_LEVEL, but the emulator does not know all of its names
            *(sys.executable, "-m", "awslambdaric", handler),
        ]
        with log.open("ab") as written:
            process = subprocess.Popen(  # noqa: S603 - fixed programs
                command,
                cwd=ROOT,
                env=_variables(timeout_s) | dict(environment),
                stdout=written,
                stderr=written,
                start_new_session=True,  # Ctrl-C reaches only the parent, which stops the parts in order
            )
        emulator = cls(process, f"http://127.0.0.1:{port}")
        try:
            _wait_until_listening(port, process)
        except OSError as error:
            emulator.end()
            raise FunctionFailed(f"{handler}: the emulator does not listen: {error}") from error
        return emulator

    def invoke(self, event: object, *, timeout_s: float) -> httpx2.Response:
        """Send an event.

        Returns:
            A response whose body is the handler's result or its error.
        """
        with httpx2.Client(timeout=timeout_s, trust_env=False) as http:
            return http.post(f"{self.url}{INVOKE}", json=event)

    @property
    def has_ended(self) -> bool:
        """Whether the emulator's process has ended."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill the emulator and its runtime."""
        if not self.has_ended:
            with suppress(ProcessLookupError):  # it ended in the meantime
                os.killpg(self.process.pid, signal.SIGKILL)  # the group includes the runtime
        self.process.wait(10)


def _parse_result(handler: str, response: httpx2.Response) -> Any:
    """Parse the handler's result; the emulator reports errors with status 200, too."""
    if not response.text.startswith(("{", "[", '"', "null")):
        raise FunctionFailed(f"{handler}: {response.text[:500] or f'status {response.status_code}'}")
    result = response.json()
    if isinstance(result, dict) and "errorType" in result:
        raise FunctionFailed(f"{handler}: {result['errorType']}: {result.get('errorMessage', '')}")
    return result


def _variables(timeout_s: int) -> dict[str, str]:
    """Return Lambda's variables, with PATH and HOME of this process."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "mayfly",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_REGION": "eu-central-1",
        "LAMBDA_TASK_ROOT": str(ROOT),
    }


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    limit_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > limit_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
