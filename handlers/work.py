"""SQS function of the work queue: evaluators and due tasks."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.aws.sqs_events import parse_deliveries
from runtime_core.queues.work import run_jobs


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Run the jobs of a batch.

    Returns:
        `{"batchItemFailures": [{"itemIdentifier": message id}]}`: SQS redelivers these records only.
    """
    records = [(each.id, each.body) for each in parse_deliveries(event)]
    ids = [record_id for record_id, _ in records]
    return environment.run_batch(lambda deployment: run_jobs(deployment, records), ids, context)
