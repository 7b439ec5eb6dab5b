"""SQS FIFO inbox queue; the message group is the room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.queues.inbox import QueuedMessage, answer_queued
from runtime_core.queues.jobs import QueueDelivery


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer queued messages, and report failures and their rooms' later messages for retry."""
    messages = [_message(each) for each in event["Records"]]
    ids = [each.delivery.id for each in messages]
    return environment.run_batch(lambda deployment: answer_queued(deployment, messages), ids, context)


def _message(record: Mapping[str, Any]) -> QueuedMessage:
    delivery = QueueDelivery(
        id=str(record["messageId"]),
        body=str(record["body"]),
        queue=str(record.get("eventSourceARN", "")),
        receipt=str(record.get("receiptHandle", "")),
    )
    return QueuedMessage(delivery=delivery, group=str(record["attributes"]["MessageGroupId"]))
