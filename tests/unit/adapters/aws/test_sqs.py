"""SQS job queue, over its protocol."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runtime_core.adapters.aws.sqs import BATCH_LIMIT_BYTES, SqsQueue, batches
from runtime_core.domain.jobs import QueueMessage
from runtime_core.errors import DeadlineExceeded, QueueError, QueueUnavailable
from runtime_core.support.deadline import Deadline, deadline
from tests.queues import Queue, QueueServer, queue_server


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


@pytest.fixture
def queue(server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> Queue:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.new_queue()


@pytest.fixture
async def sqs(queue: Queue) -> AsyncIterator[SqsQueue]:
    sqs = SqsQueue(queue.url)
    yield sqs
    await sqs.close()


def messages(count: int) -> list[QueueMessage]:
    return [QueueMessage(body=f'{{"n": {n}}}') for n in range(count)]


async def test_every_message_arrives_whatever_their_number(sqs: SqsQueue, queue: Queue) -> None:
    await sqs.send(messages(23))
    assert sorted(queue.bodies()) == sorted(each.body for each in messages(23))


async def test_nothing_to_send_asks_nobody() -> None:
    await SqsQueue("http://127.0.0.1:1/queue").send([])


async def test_a_delayed_message_is_not_handed_out_at_once(sqs: SqsQueue, queue: Queue) -> None:
    await sqs.send([QueueMessage(body="later", delay_s=900), QueueMessage(body="now")])
    assert queue.bodies() == ["now"]


@contextmanager
def recording() -> Iterator[tuple[str, list[Any]]]:
    """Run a queue that accepts every batch; yields its URL and the entries it received.

    The other server drops the attributes of a batch.
    """
    sent: list[Any] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            entries = json.loads(self.rfile.read(int(self.headers["content-length"])))["Entries"]
            sent.extend(entries)
            body = json.dumps(
                {"Successful": [{"Id": each["Id"], "MessageId": each["Id"]} for each in entries]}
            ).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/123456789012/queue", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_message_carries_the_trace_it_was_sent_in(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    header = "Root=1-5f84c7a1-1234567890abcdef12345678;Parent=1234567890abcdef;Sampled=1"
    with recording() as (url, sent):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url.removesuffix("/123456789012/queue"))
        sqs = SqsQueue(url)
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
        await sqs.send([QueueMessage(body="traced")])
        monkeypatch.delenv("_X_AMZN_TRACE_ID")
        await sqs.send([QueueMessage(body="not traced")])
        await sqs.close()
    traced, plain = sent
    assert traced["MessageSystemAttributes"] == {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
    assert "MessageSystemAttributes" not in plain


async def test_a_queue_that_is_not_there_is_an_error_that_no_retry_helps(
    server: QueueServer, queue: Queue, sqs: SqsQueue
) -> None:
    missing = SqsQueue(f"{queue.url}-missing")
    with pytest.raises(QueueError, match=r"NonExistentQueue|does not exist") as caught:
        await missing.send(messages(1))
    assert not caught.value.retryable
    await missing.close()


async def test_a_queue_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, queue: Queue) -> None:
    with socket.socket() as unused:  # bound and not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{unused.getsockname()[1]}")
        sqs = SqsQueue(queue.url)
        with pytest.raises(QueueUnavailable):
            await sqs.send(messages(1))
        await sqs.close()


async def test_without_time_left_nothing_is_sent(sqs: SqsQueue, queue: Queue) -> None:
    with deadline(Deadline.after(0)), pytest.raises(DeadlineExceeded):
        await sqs.send(messages(1))
    assert queue.bodies() == []


def test_batches_hold_what_the_api_takes() -> None:
    large = QueueMessage(body="x" * (BATCH_LIMIT_BYTES // 3))
    given = [*messages(11), large, large, large, large]
    made = list(batches(given))
    assert [each for batch in made for each in batch] == given
    assert all(len(batch) <= 10 for batch in made)
    assert all(sum(len(each.body) for each in batch) <= BATCH_LIMIT_BYTES for batch in made)
