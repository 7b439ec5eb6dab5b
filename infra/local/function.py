"""A Lambda function in the runtime interface emulator: one event at a time, killed when its time is up."""

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
# Lambda's own, which the wheel of the SAM command line carries; make fetches it.
PROGRAM = Path(os.environ.get("RUNTIME_EMULATOR", ROOT / ".venv" / "rie" / "aws-lambda-rie"))
INVOKE = "/2015-03-31/functions/function/invocations"
START_LIMIT_S = 20.0
ANSWER_MARGIN_S = 15.0  # beyond the function's own time: the emulator ends it, and starts the runtime before that
_PAUSE_S = 0.02


class FunctionFailed(Exception):
    """The handler raised, ran out of time, or its process died; Lambda would try the event again."""


@dataclass
class Function:
    """One execution environment, started by its first event, and again when it died.

    Attributes:
        handler: `package.module.attribute`, as in the template.
        environment: Its variables, beside those that Lambda sets; nothing is inherited but PATH and HOME.
        log: What the emulator and the handler write is appended here.
        starts: How often the emulator was started.
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
        """Handle an event.

        Raises:
            FunctionFailed: It was not handled to its end.
        """
        with self._lock:
            emulator = self._running()
            self.invocations += 1
            try:
                answer = emulator.invoke(event, timeout_s=self.timeout_s + ANSWER_MARGIN_S)
            except httpx2.TransportError as error:
                emulator.end()
                raise FunctionFailed(f"{self.handler}: {type(error).__name__}: {error}") from error
        return _result(self.handler, answer)

    @property
    def is_busy(self) -> bool:
        """Whether it is at an event."""
        emulator = self._emulator
        return self._lock.locked() and emulator is not None and not emulator.has_ended

    def kill(self) -> None:
        """End it as a machine that loses power would."""
        if (emulator := self._emulator) is not None:
            emulator.end()

    def close(self) -> None:
        """End it, if it runs."""
        self.kill()
        with self._lock:
            if self._emulator is not None:
                self._emulator.end()
                self._emulator = None

    def _running(self) -> Emulator:
        if self._emulator is None or self._emulator.has_ended:
            self.starts += 1
            self._emulator = Emulator.start(self.handler, self.environment, self.log, timeout_s=self.timeout_s)
        return self._emulator


@dataclass(frozen=True)
class Emulator:
    """The emulator's process with the runtime that it starts, in a session of their own."""

    process: subprocess.Popen[bytes]
    url: str

    @classmethod
    def start(cls, handler: str, environment: Mapping[str, str], log: Path, *, timeout_s: int) -> Emulator:
        """Start it, and wait until it listens; the runtime itself starts with the first event.

        Raises:
            FunctionFailed: There is no emulator, or it did not start.
        """
        if not PROGRAM.exists():
            raise FunctionFailed(f"{PROGRAM} is not there; `make local` and `make test` fetch it")
        port, runtime_port = _free_port(), _free_port()
        command = [
            str(PROGRAM),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *("--log-level", "error"),  # or it would go by LOG_LEVEL, whose names are not all its own
            *(sys.executable, "-m", "awslambdaric", handler),
        ]
        with log.open("ab") as written:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                cwd=ROOT,
                env=_variables(timeout_s) | dict(environment),
                stdout=written,
                stderr=written,
                start_new_session=True,  # Ctrl-C in the terminal is for the one who runs it all
            )
        emulator = cls(process, f"http://127.0.0.1:{port}")
        try:
            _wait_until_listening(port, process)
        except OSError as error:
            emulator.end()
            raise FunctionFailed(f"{handler}: the emulator does not listen: {error}") from error
        return emulator

    def invoke(self, event: object, *, timeout_s: float) -> httpx2.Response:
        """Send an event; the answer's body is what the handler gave, or what is told of its failure."""
        with httpx2.Client(timeout=timeout_s, trust_env=False) as http:
            return http.post(f"{self.url}{INVOKE}", json=event)

    @property
    def has_ended(self) -> bool:
        """Whether the emulator is gone."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill it, its runtime with it."""
        if not self.has_ended:
            with suppress(ProcessLookupError):  # it ended by itself at this moment
                os.killpg(self.process.pid, signal.SIGKILL)  # the runtime goes with the emulator
        self.process.wait(10)


def _result(handler: str, answer: httpx2.Response) -> Any:
    """What the handler gave; the emulator tells failures with status 200 too."""
    if not answer.text.startswith(("{", "[", '"', "null")):
        raise FunctionFailed(f"{handler}: {answer.text[:500] or f'status {answer.status_code}'}")
    result = answer.json()
    if isinstance(result, dict) and "errorType" in result:
        raise FunctionFailed(f"{handler}: {result['errorType']}: {result.get('errorMessage', '')}")
    return result


def _variables(timeout_s: int) -> dict[str, str]:
    """What Lambda sets, and what a program needs."""
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
