"""Process that is copied as SnapStart does it: hooks, then forks as copies.

Prints one line of JSON: the sockets before and after the hooks, and each copy's output.
"""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import psutil
from snapshot_restore_py import get_after_restore, get_before_snapshot

from handlers.message import handler

COPIES = 2


class Context:
    """Lambda's context argument."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def open_sockets() -> int:
    """Return the connections of this process to others."""
    return len([each for each in psutil.Process().net_connections(kind="tcp") if each.raddr])


def run(hooks: list[Any]) -> None:
    """Call hooks as the runtime client does."""
    for function, arguments, more in hooks:
        function(*arguments, **more)


def copy(number: int) -> dict[str, Any]:
    """Restore a copy in a new process, and return its answer."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        run(list(get_after_restore()))
        drawn = random.random()  # noqa: S311 - the test: two copies must draw different numbers
        began = time.monotonic()
        answer = handler({"text": f"From copy {number}"}, Context())
        told = {"answer": answer, "drawn": drawn, "took_s": time.monotonic() - began}
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        return dict(json.load(said))


def main() -> None:
    handler({"text": "Before the snapshot"}, Context())
    before = open_sockets()
    run(list(reversed(list(get_before_snapshot()))))
    after = open_sockets()
    print(json.dumps({"before": before, "after": after, "copies": [copy(each) for each in range(COPIES)]}))  # noqa: T201


if __name__ == "__main__":
    main()
