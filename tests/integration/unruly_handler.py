"""The message handler with bad manners on demand: what a bug in an action could do to an environment."""

from __future__ import annotations

import os
import threading
from typing import Any

import handlers.message


class Unruly(BaseException):
    """Raised past everything that catches errors."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer as always; `hang` never comes back, `raise` raises; each answer says which process gave it."""
    if event.get("hang"):
        threading.Event().wait()
    if event.get("raise"):
        raise Unruly("on demand")
    return {**handlers.message.handler(event, context), "process": os.getpid()}
