"""The schedule: tasks that came due go to the work queue, each once however many ticks overlap."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.deployment import Deployment
from runtime_core.queues.tick import tick


def handler(_event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Hand out what is due, EMBEDDING_DRAIN among it.

    Returns:
        How many tasks that was, or `{"error": {"code", "message", "retryable"}}` where no tick can, as it is set up.

    Raises:
        MayflyError: A failure that may pass.
    """
    return environment.run_direct(_ticked, context)


async def _ticked(deployment: Deployment) -> dict[str, Any]:
    return {"tasks": await tick(deployment)}
