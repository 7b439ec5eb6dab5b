"""Local event source mapping: polls a queue and invokes a function."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.function import FunctionFailed

API_LIMIT = 10  # messages in one SQS API call


@dataclass
class QueuePoller:
    """Poller of one queue for one function, one event at a time.

    Failed records stay on the queue until their visibility timeout ends; the queue redrives them.

    Attributes:
        client: boto3 client of SQS.
        invoke: Invokes the function; returns its result or raises `FunctionFailed`.
        batch_size: Maximum number of records in an event.
        window_s: Maximum time that a batch waits for more records.
    """

    client: Any
    queue_url: str
    queue_arn: str
    invoke: Callable[[Mapping[str, Any]], Any]
    batch_size: int = 10
    window_s: float = 0.0
    region: str = "eu-central-1"
    done: int = 0
    failed: int = 0
    events: int = 0
    last_error: str = ""
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)

    def run(self) -> None:
        """Poll until `stop` is called, in the current thread."""
        while not self._stopping.is_set():
            self.poll(wait_s=1)

    def stop(self) -> None:
        """End `run` after the current event."""
        self._stopping.set()

    def poll(self, *, wait_s: int = 0) -> int:
        """Deliver one batch, if there is one.

        Returns:
            The number of its records.
        """
        messages = self._receive_batch(wait_s)
        if not messages:
            return 0
        self.events += 1
        try:
            result = self.invoke({"Records": [self._record(each) for each in messages]})
            failed = {str(each["itemIdentifier"]) for each in (result or {}).get("batchItemFailures", ())}
        except FunctionFailed as error:
            self.last_error = str(error)
            failed = {str(each["MessageId"]) for each in messages}
        done = [each for each in messages if each["MessageId"] not in failed]
        self._delete(done)
        self.done += len(done)
        self.failed += len(failed)
        return len(messages)

    def _receive_batch(self, wait_s: int) -> list[dict[str, Any]]:
        messages = self._receive(min(API_LIMIT, self.batch_size), wait_s)
        until_s = time.monotonic() + self.window_s
        while messages and len(messages) < self.batch_size:
            more = self._receive(min(API_LIMIT, self.batch_size - len(messages)), 0)
            messages += more
            if not more and time.monotonic() >= until_s:
                break
            if not more:
                self._stopping.wait(min(0.1, self.window_s))
        return messages

    def _receive(self, at_most: int, wait_s: int) -> list[dict[str, Any]]:
        response = self.client.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=at_most, WaitTimeSeconds=wait_s, AttributeNames=["All"]
        )
        found: list[dict[str, Any]] = response.get("Messages", [])
        return found

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.region,
        }

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for start in range(0, len(messages), API_LIMIT):
            entries = [
                {"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]}
                for index, each in enumerate(messages[start : start + API_LIMIT])
            ]
            self.client.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)
