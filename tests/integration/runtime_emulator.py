"""Lambda's runtime interface emulator: real init, invoke, timeout, kill and restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.function import ROOT, Emulator

__all__ = ["ROOT", "RuntimeEmulator", "emulated"]

INVOKE_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEmulator:
    """Function under the emulator.

    Attributes:
        log: File with the output of the emulator and the function.
    """

    emulator: Emulator
    log: Path

    def invoke(self, event: object) -> Any:
        """Invoke the function.

        Returns:
            Its answer; the emulator returns errors as values too (`errorType`).
        """
        answer = self.emulator.invoke(event, timeout_s=INVOKE_LIMIT_S)
        return answer.json() if answer.text.startswith(("{", "[")) else answer.text

    def lines(self, text: str) -> list[str]:
        """Return the lines written so far that contain a text."""
        return [line for line in self.log.read_text().splitlines() if text in line]


@contextmanager
def emulated(
    handler: str, variables: Mapping[str, str], log: Path, *, timeout_s: int = 30
) -> Iterator[RuntimeEmulator]:
    """Run a handler under the emulator; `variables` extend Lambda's environment."""
    emulator = Emulator.start(handler, variables, log, timeout_s=timeout_s)
    try:
        yield RuntimeEmulator(emulator=emulator, log=log)
    finally:
        emulator.end()
