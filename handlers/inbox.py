"""SQS function of the inbox, a FIFO queue grouped by room."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.aws.sqs_events import parse_fifo_deliveries
from runtime_core.queues.inbox import QueuedMessage, answer_queued


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer the messages of a batch.

    Returns:
        `{"batchItemFailures": [{"itemIdentifier": message id}]}`: failed messages and the later ones of their rooms.
    """
    messages = [QueuedMessage(delivery=delivery, group=group) for delivery, group in parse_fifo_deliveries(event)]
    ids = [each.delivery.id for each in messages]
    return environment.run_batch(lambda deployment: answer_queued(deployment, messages), ids, context)
