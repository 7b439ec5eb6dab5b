"""Process that works as a Lambda execution environment: one handler, many events.

Each line on standard input is `{"events": [...]}`; each line on standard output holds their results.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import psutil


class Context:
    """Lambda's context argument."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name = "mayfly"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def main(handler_name: str) -> None:
    module, _, attribute = handler_name.partition(":")
    handler = getattr(import_module(module), attribute)
    process = psutil.Process()
    told = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the function's own output is not the answer
    for line in sys.stdin:
        results: list[Any] = []
        for event in json.loads(line)["events"]:
            try:
                results.append(handler(event, Context()))
            except Exception as error:  # noqa: BLE001 - as Lambda: report the error and continue with the next event
                results.append({"raised": type(error).__name__, "message": str(error)})
        told.write(json.dumps({"results": results, "rss_bytes": process.memory_info().rss}) + "\n")
        told.flush()
    os._exit(0)  # Lambda ends an environment without a signal; nothing in it is closed


if __name__ == "__main__":
    main(sys.argv[1])
