"""SQS event records, parsed into deliveries.

Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.domain.jobs import QueueDelivery


def parse_deliveries(event: Mapping[str, Any]) -> list[QueueDelivery]:
    """Parse the records of an event, in their order."""
    return [_parse_record(record) for record in event["Records"]]


def parse_fifo_deliveries(event: Mapping[str, Any]) -> list[tuple[QueueDelivery, str]]:
    """Parse the records of a FIFO queue.

    Returns:
        Each delivery with its message group id, in the event's order.
    """
    return [(_parse_record(record), str(record["attributes"]["MessageGroupId"])) for record in event["Records"]]


def _parse_record(record: Mapping[str, Any]) -> QueueDelivery:
    return QueueDelivery(
        id=str(record["messageId"]),
        body=str(record["body"]),
        queue=str(record.get("eventSourceARN", "")),
        receipt=str(record.get("receiptHandle", "")),
    )
