"""The schedule: tasks that came due go to the work queue, each once however many ticks overlap."""

from __future__ import annotations

from typing import Any

from handlers.environment import LambdaContext, environment
from runtime_core.deployment import Deployment
from runtime_core.work import tick


def handler(_event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, int]:
    """Hand out what is due, EMBEDDING_DRAIN among it; says how many tasks that was."""
    return environment.run(_ticked, context)


async def _ticked(deployment: Deployment) -> dict[str, int]:
    return {"tasks": await tick(deployment)}
