"""The schedule: enqueues due tasks on the work queue, each once."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.deployment import Deployment
from runtime_core.queues.tick import tick


def handler(_event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Enqueue the due tasks, including EMBEDDING_DRAIN.

    Returns:
        The number of tasks, or `{"error": {"code", "message", "retryable"}}` for a configuration error.

    Raises:
        MayflyError: A retryable failure.
    """
    return environment.run_direct(_tick, context)


async def _tick(deployment: Deployment) -> dict[str, Any]:
    return {"tasks": await tick(deployment)}
