"""Redelivery on SQS: changes the visibility timeout of failed deliveries."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from runtime_core.adapters.aws.sqs import BATCH_LIMIT, queue_errors, sqs_client
from runtime_core.domain.jobs import QueueDelivery
from runtime_core.errors import QueueError
from runtime_core.support.deadline import within

LIMIT_S = 5.0  # of one `retry_after` call, unless the deadline is sooner
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
LONGEST_S = 12 * 3600


class SqsRedelivery:
    """`Redelivery` for the source queues of the deliveries."""

    def __init__(self) -> None:
        self._client: Any = None
        self._lock = threading.Lock()

    async def retry_after(self, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
        by_queue: defaultdict[str, list[tuple[QueueDelivery, float]]] = defaultdict(list)
        for delivery, seconds in waits:
            by_queue[delivery.queue].append((delivery, seconds))
        async with within(LIMIT_S, "changing the visibility of messages"):
            for queue, of_queue in by_queue.items():
                await asyncio.to_thread(self._change, queue, of_queue)

    async def close(self) -> None:
        """Close the client's connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _change(self, queue: str, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
        client = self._open()
        url = _queue_url(queue, client.meta.endpoint_url)
        for start in range(0, len(waits), BATCH_LIMIT):
            entries = [
                {
                    "Id": str(index),
                    "ReceiptHandle": delivery.receipt,
                    "VisibilityTimeout": min(LONGEST_S, math.ceil(seconds)),
                }
                for index, (delivery, seconds) in enumerate(waits[start : start + BATCH_LIMIT])
            ]
            with queue_errors():
                client.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = sqs_client()
            return self._client


def _queue_url(arn: str, endpoint_url: str) -> str:
    """Build the URL of a queue from its ARN.

    Raises:
        QueueError: The ARN is not one of an SQS queue.
    """
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise QueueError(f"{arn!r} is not the ARN of an SQS queue")
    return f"{endpoint_url.rstrip('/')}/{parts[4]}/{parts[5]}"
