"""Message handler with hangs, crashes and trace headers on demand."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import handlers.message


class Unruly(BaseException):
    """Exception that no error handler catches."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a message, or misbehave as the event asks.

    `hang` never returns, `raise` raises. `trace` is the trace header, which Lambda's runtime puts into the environment
    and the emulator does not. Each answer contains the process id, and whether the tracing SDK is loaded.
    """
    os.environ["_X_AMZN_TRACE_ID"] = event.pop("trace", "")
    if event.get("hang"):
        threading.Event().wait()
    if event.get("raise"):
        raise Unruly("on demand")
    answer = handlers.message.handler(event, context)
    return {**answer, "process": os.getpid(), "traces": "aws_xray_sdk" in sys.modules}
