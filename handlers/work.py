"""SQS work queue: evaluators of finished turns, and due tasks."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.queues.work import run_jobs


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Run the jobs of a batch, and report failed records for retry."""
    records = [(str(each["messageId"]), str(each["body"])) for each in event["Records"]]
    ids = [record_id for record_id, _ in records]
    return environment.run_batch(lambda deployment: run_jobs(deployment, records), ids, context)
