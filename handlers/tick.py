"""The schedule: tasks that came due go to the work queue, each once however many ticks overlap."""

from __future__ import annotations

from typing import Any

from handlers.environment import LambdaContext, environment
from runtime_core.work import tick


def handler(_event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, int]:
    """Hand out what is due; says how much that was."""
    return {"tasks": environment.run(tick, context)}
