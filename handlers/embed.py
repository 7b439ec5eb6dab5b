"""SQS function of an embedding queue; one per priority."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.aws.sqs_events import parse_deliveries
from runtime_core.queues.embedding.deliveries import embed_deliveries


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Embed the memories of a batch.

    Returns:
        `{"batchItemFailures": [{"itemIdentifier": message id}]}`: SQS redelivers these records only.
    """
    deliveries = parse_deliveries(event)
    ids = [each.id for each in deliveries]
    return environment.run_batch(lambda deployment: embed_deliveries(deployment, deliveries), ids, context)
