"""Scheduled function: enqueues due tasks, each once even when ticks overlap."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.deployment import Deployment
from runtime_core.queues.tick import tick


def handler(_event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Enqueue the due tasks, including EMBEDDING_DRAIN.

    Returns:
        `{"tasks": number enqueued}`, or `{"error": {"code", "message", "retryable"}}` for an error
        that a retry cannot fix, such as a wrong setting.

    Raises:
        MayflyError: A retryable error.
    """

    async def enqueue(deployment: Deployment) -> dict[str, Any]:
        return {"tasks": await tick(deployment)}

    return environment.run_direct(enqueue, context)
