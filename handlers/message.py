"""Direct invocation: one message event in, one result out."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.message_request import parse_message_request


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer a message.

    Returns:
        The result (`MessageProcessingResult.as_json`), or `{"error": {"code", "message", "retryable"}}`
        for an error that a retry cannot fix, such as invalid input or a wrong setting.

    Raises:
        MayflyError: A retryable error. The invocation fails, so EventBridge, Step Functions and
            asynchronous invocation retry the event.
    """

    async def answer(deployment: Deployment) -> dict[str, Any]:
        request = parse_message_request(event, limit_bytes=deployment.settings.message_limit_bytes)
        return (await deployment.answer(request)).as_json()

    return environment.run_direct(answer, context)
