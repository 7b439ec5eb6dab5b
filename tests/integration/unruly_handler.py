"""The message handler with what the emulator lacks, on demand: bugs in actions, and callers that are traced."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import handlers.message


class Unruly(BaseException):
    """Raised past everything that catches errors."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer as always; `hang` never comes back, `raise` raises; each answer says which process gave it, and
    whether that has loaded the SDK that writes traces.

    `trace` is the trace header, which Lambda's own runtime puts into this variable and the emulator leaves out.
    """
    os.environ["_X_AMZN_TRACE_ID"] = event.pop("trace", "")
    if event.get("hang"):
        threading.Event().wait()
    if event.get("raise"):
        raise Unruly("on demand")
    answer = handlers.message.handler(event, context)
    return {**answer, "process": os.getpid(), "traces": "aws_xray_sdk" in sys.modules}
