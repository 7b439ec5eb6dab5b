"""`mayfly` command in a separate process and folder."""

from __future__ import annotations

import fcntl
import os
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from runtime_core.cli import main; main()"]
TIMEOUT_S = 60
KEY_S = 1.0  # time limit for the effect of a key


def environment(**variables: str) -> dict[str, str]:
    """Return the variables that a process needs, without the developer's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "PYTHONUTF8": "1", **variables}


def mayfly(
    *arguments: str, folder: Path, stdin: str | bytes = b"", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command and wait for its end."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**variables),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Terminal:
    """Command in a pseudo terminal of 80 by 24 characters."""

    def __init__(self, *arguments: str, folder: Path, **variables: str) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(TERM="xterm-256color", **variables),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.output = ""
        self._unseen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """Read until a text appears.

        Returns:
            The output since the last wait, without escape codes.
        """
        limit_s = time.monotonic() + TIMEOUT_S
        while text not in self._unseen:
            assert self._read(limit_s - time.monotonic()), f"{text!r} did not come; the screen got {self._unseen!r}"
        before, _, self._unseen = self._unseen.partition(text)
        return before + text

    def leave(self, key: str) -> int:
        """Press a key until the command ends, and return its exit code.

        Once may be too early: CPython's `input` misses a signal between its prompt and its wait for a key.
        """
        limit_s = time.monotonic() + TIMEOUT_S
        while True:
            assert time.monotonic() < limit_s, "the command did not end"
            try:
                self.type(key)
                while self._read(KEY_S):
                    pass
            except (EOFError, OSError):
                return self._process.wait(TIMEOUT_S)

    def _read(self, patience_s: float) -> bool:
        """Read the available output; return whether there was any in that time."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, patience_s))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError as error:  # Linux's error after the other end has closed
            raise EOFError("the command has ended") from error
        text = _ESCAPES.sub("", data.decode(errors="replace"))
        self.output += text
        self._unseen += text
        return True


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x01\x02]")
