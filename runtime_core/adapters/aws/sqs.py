"""SQS job queue.

`prepare` loads boto3 in a thread, because that takes as long as a turn.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runtime_core.adapters.aws.client import TRIES, cloud_client
from runtime_core.domain.jobs import QueueMessage
from runtime_core.errors import QueueError, QueueUnavailable
from runtime_core.support.deadline import within

BATCH_LIMIT = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
BATCH_LIMIT_BYTES = 256 * 1024
SEND_LIMIT_S = 10.0  # of one `send`, unless the deadline is earlier
# Variable with the trace of the current Lambda event; a queued message carries it to its consumer.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-xray.html
TRACE = "_X_AMZN_TRACE_ID"


class SqsQueue:
    """`JobQueue` over one SQS queue.

    A FIFO queue is recognized by the suffix of its name.

    Args:
        url: URL of the queue. boto3 finds the region, the endpoint and the credentials.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._lock = threading.Lock()

    async def prepare(self) -> None:
        await asyncio.to_thread(self._open)

    async def send(self, messages: Sequence[QueueMessage]) -> None:
        if not messages:
            return
        async with within(SEND_LIMIT_S, "sending to the queue"):
            await asyncio.to_thread(self._send, list(messages))

    async def close(self) -> None:
        """Close the client's connections; the queue reopens on its next use."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _send(self, messages: Sequence[QueueMessage]) -> None:
        for batch in batches(messages):
            entries = [self._entry(index, each) for index, each in enumerate(batch)]
            for _ in range(TRIES):
                entries = self._send_batch(entries)
                if not entries:
                    break
            else:
                raise QueueUnavailable(f"the queue did not accept {len(entries)} of {len(batch)} messages")

    def _send_batch(self, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send a batch of entries.

        Returns:
            The failed entries that can be retried.

        Raises:
            QueueError: SQS rejects an entry as invalid.
        """
        with queue_errors():
            answer = self._open().send_message_batch(QueueUrl=self._url, Entries=list(entries))
        failed = {each["Id"]: each for each in answer.get("Failed", ())}
        if fault := next((each for each in failed.values() if each.get("SenderFault")), None):
            raise QueueError(f"the queue rejected a message: {fault.get('Code')}: {fault.get('Message')}")
        return [each for each in entries if each["Id"] in failed]

    def _entry(self, index: int, message: QueueMessage) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": str(index), "MessageBody": message.body}
        if message.group:
            entry["MessageGroupId"] = message.group
        if self._url.endswith(".fifo"):  # which supports a delay per queue, not per message
            if message.deduplication_id:
                entry["MessageDeduplicationId"] = message.deduplication_id
        elif message.delay_s:
            entry["DelaySeconds"] = message.delay_s
        if trace := os.environ.get(TRACE):
            entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
        return entry

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = sqs_client()
            return self._client


def sqs_client() -> Any:
    """Create an SQS client.

    Call this in a thread, because it loads boto3.

    Raises:
        QueueError: The region or the credentials are missing.
    """
    with queue_errors():
        return cloud_client("sqs")


def batches(messages: Sequence[QueueMessage]) -> Iterator[list[QueueMessage]]:
    """Group messages into batches, in order.

    The batches are as few as the API's limits allow.
    """
    batch: list[QueueMessage] = []
    size_bytes = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == BATCH_LIMIT or size_bytes + length > BATCH_LIMIT_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += length
    if batch:
        yield batch


@contextmanager
def queue_errors() -> Iterator[None]:
    """Translate the errors of boto3."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3 is already loaded here

    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        code = error.response.get("Error", {}).get("Code", "")
        kind = QueueUnavailable if status >= 500 or status == 429 or "Throttl" in code else QueueError
        raise kind(f"SQS answered {status}: {error}") from error
    except BotoCoreError as error:
        raise QueueUnavailable(f"SQS did not answer: {error}") from error
