"""A Lambda function as a process of its own: one event at a time, killed when its time is up, started anew after that.

Run as a module it is that process: each line on standard input is an event with its time, each line on standard output
what the handler made of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parents[2]


class FunctionFailed(Exception):
    """The handler raised, ran out of time, or its process died; Lambda would try the event again."""


@dataclass(frozen=True)
class FunctionContext:
    """What Lambda passes beside the event."""

    function_name: str
    until_s: float
    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.until_s - time.monotonic()) * 1000))


@dataclass
class FunctionProcess:
    """One execution environment.

    Attributes:
        handler: `module:attribute`.
        environment: Its variables; nothing is inherited but PATH and HOME.
        starts: How often a process was started.
    """

    handler: str
    environment: Mapping[str, str]
    timeout_s: float = 60.0
    invocations: int = 0
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Handle an event.

        Raises:
            FunctionFailed: It was not handled to its end.
        """
        with self._lock:
            process = self._started()
            self.invocations += 1
            timer = threading.Timer(self.timeout_s, process.kill)
            timer.start()
            try:
                answer = _asked(process, {"event": event, "timeout_s": self.timeout_s})
            finally:
                timer.cancel()
            if answer is None:
                raise FunctionFailed(f"{self.handler}: the process ended with {self._ended()}")
            if "raised" in answer:
                raise FunctionFailed(f"{self.handler}: {answer['raised']}")
            return answer["result"]

    @property
    def is_busy(self) -> bool:
        """Whether it is at an event."""
        return self._lock.locked() and self._process is not None

    def kill(self) -> None:
        """End the process as a machine that loses power would."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process, if there is one."""
        self.kill()
        with self._lock:
            self._ended()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._ended()
        if self._process is None:
            self.starts += 1
            inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
            self._process = subprocess.Popen(  # noqa: S603 - this very module
                [sys.executable, "-m", "infra.local.function", self.handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env={**inherited, **self.environment},
                start_new_session=True,  # Ctrl-C in the terminal is for the one who runs it all
            )
        return self._process

    def _ended(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        for pipe in (process.stdin, process.stdout):
            _closed(pipe)
        return process.wait(10)


def _closed(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:  # what was written last never arrived: the process is gone
        return


def _asked(process: subprocess.Popen[bytes], asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the process answers; None when it died."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return None
    try:
        stdin.write(json.dumps(asked).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
    except BrokenPipeError:
        return None
    answer: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return answer


def serve(handler_name: str, asked: BinaryIO, told: BinaryIO) -> None:
    """Handle event after event, as the runtime of a Lambda function does."""
    module, _, attribute = handler_name.partition(":")
    handler = getattr(import_module(module), attribute)
    for number, line in enumerate(asked):
        given = json.loads(line)
        context = FunctionContext(handler_name, time.monotonic() + given["timeout_s"], f"local-{number}")
        try:
            answer = {"result": handler(given["event"], context)}
        except Exception as error:  # noqa: BLE001 - as the runtime does: reported, and the next event comes
            answer = {"raised": f"{type(error).__name__}: {error}"}
        told.write(json.dumps(answer).encode() + b"\n")
        told.flush()


if __name__ == "__main__":
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a handler prints goes to standard error
    serve(sys.argv[1], sys.stdin.buffer, pipe)
