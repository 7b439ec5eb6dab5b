"""SQS embedding queues; one function and one queue for each priority."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.queues.embedding.deliveries import embed_deliveries
from runtime_core.queues.jobs import QueueDelivery


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Embed queued memories, and report failed records for retry."""
    deliveries = [
        QueueDelivery(
            id=str(each["messageId"]),
            body=str(each["body"]),
            queue=str(each.get("eventSourceARN", "")),
            receipt=str(each.get("receiptHandle", "")),
        )
        for each in event["Records"]
    ]
    ids = [each.id for each in deliveries]
    return environment.run_batch(lambda deployment: embed_deliveries(deployment, deliveries), ids, context)
