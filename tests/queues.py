"""Local SQS server on the loopback, and Lambda events from its messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True)
class QueueServer:
    """Running SQS server; each test creates its own queues."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables that direct a client to the server instead of the cloud."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL_SQS": self.endpoint}

    def client(self) -> Any:
        return boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def new_queue(self, **attributes: str) -> Queue:
        client = self.client()
        name = f"test-{uuid.uuid4()}"
        return Queue(client, client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


@dataclass(frozen=True)
class Queue:
    """Queue that is read as Lambda reads it."""

    client: Any
    url: str

    def events(self, *, wait_s: int = 0) -> Iterator[dict[str, Any]]:
        """Receive all messages, in events of up to ten records.

        Args:
            wait_s: Maximum seconds to wait for the first message.
        """
        while found := self._receive(wait_s):
            yield {"Records": [_to_record(each) for each in found]}
            wait_s = 0

    def bodies(self, *, wait_s: int = 0) -> list[str]:
        """Receive and delete all messages; return their bodies."""
        return [str(record["body"]) for event in self.events(wait_s=wait_s) for record in self._delete(event)]

    def deliver(self, handler: Callable[[dict[str, Any]], dict[str, Any]], *, wait_s: int = 0) -> tuple[int, int]:
        """Deliver each message once; delete the records that are not reported as failed.

        Returns:
            Number of successes and number of failures.
        """
        done = failed = 0
        for event in self.events(wait_s=wait_s):
            answer = handler(event)
            retries = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            for record in event["Records"]:
                if record["messageId"] in retries:
                    failed += 1
                else:
                    done += 1
                    self.client.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        return done, failed

    def _receive(self, wait_s: int) -> list[dict[str, Any]]:
        answer = self.client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=wait_s
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _delete(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        for record in event["Records"]:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        records: list[dict[str, Any]] = event["Records"]
        return records


def _to_record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": REGION,
    }


@contextmanager
def queue_server() -> Iterator[QueueServer]:
    """Run a server in a thread."""
    WSGIRequestHandler.log_request = _silent  # type: ignore[method-assign]  # drops the line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield QueueServer(f"http://{host}:{port}")
    finally:
        server.stop()


def _silent(*_: object, **__: object) -> None:
    """Write nothing."""
