"""Local Lambda and event sources: failures are retried, then dead-lettered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.local.function import Function, FunctionFailed
from infra.local.parts import REGION, read_arn
from infra.local.poller import QueuePoller
from runtime_core.domain.embedding_job import EmbeddingJob
from runtime_core.domain.ids import string_to_uuid
from tests.queues import Queue, QueueServer, queue_server

RECEIVES = 2


@pytest.fixture
def queues() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


@pytest.fixture
def function(request: pytest.FixtureRequest, queues: QueueServer, tmp_path: Path) -> Iterator[Function]:
    """Local function with the test's handler, on its own database."""
    variables = {
        **queues.environment,
        "AWS_SAM_LOCAL": "true",
        "DATABASE_URL": f"sqlite:///{tmp_path}/mayfly.db",
        "LOG_LEVEL": "CRITICAL",
    }
    function = Function(request.param, variables, tmp_path / "log.txt", timeout_s=3)
    yield function
    function.close()


def unruly(**event: Any) -> dict[str, Any]:
    return {"text": "Hello", "room_id": str(uuid4()), **event}


@pytest.mark.parametrize("function", ["tests.integration.unruly_handler.handler"], indirect=True)
def test_a_function_that_hangs_or_breaks_fails_its_event_alone(function: Function) -> None:
    assert function.starts == 0  # no process before the first event
    assert function.invoke(unruly())["did_respond"]
    with pytest.raises(FunctionFailed, match="timed out"):
        function.invoke(unruly(hang=True))
    with pytest.raises(FunctionFailed):
        function.invoke({"raise": True})
    assert function.invoke(unruly())["did_respond"]


@pytest.mark.parametrize("function", ["tests.integration.unruly_handler.handler"], indirect=True)
def test_a_function_that_was_killed_is_started_anew(function: Function) -> None:
    first = function.invoke(unruly())["process"]
    function.kill()
    assert function.invoke(unruly())["process"] != first
    assert function.starts == 2


@pytest.mark.parametrize("function", ["handlers.nobody.handler"], indirect=True)
def test_a_handler_that_is_not_there_is_named(function: Function) -> None:
    with pytest.raises(FunctionFailed, match=r"handlers\.nobody"):
        function.invoke({})


@pytest.mark.parametrize("function", ["handlers.embed.handler"], indirect=True)
def test_what_fails_again_and_again_goes_to_the_dead_letter_queue_and_its_neighbours_are_done(
    function: Function, queues: QueueServer
) -> None:
    dead = queues.new_queue()
    redrive = {"deadLetterTargetArn": read_arn(dead.client, dead.url), "maxReceiveCount": RECEIVES}
    queue = queues.new_queue(VisibilityTimeout="1", RedrivePolicy=json.dumps(redrive))
    gone = EmbeddingJob(agent_id=string_to_uuid("Ada"), memory_id=uuid4(), content_hash="")
    for body in ("no job", gone.body()):
        queue.client.send_message(QueueUrl=queue.url, MessageBody=body)
    poller = reading(queue, function)
    assert poller.poll(wait_s=5) == 2
    assert (poller.done, poller.failed) == (1, 1)
    assert poller.poll(wait_s=10) == 1
    assert poller.poll(wait_s=3) == 0  # the maximum receive count is reached
    assert dead.bodies(wait_s=5) == ["no job"]
    assert (poller.done, poller.failed, function.starts) == (1, 2, 1)


@pytest.mark.parametrize("function", ["handlers.nobody.handler"], indirect=True)
def test_when_the_function_fails_all_of_its_event_comes_back(function: Function, queues: QueueServer) -> None:
    queue = queues.new_queue(VisibilityTimeout="1")
    for body in ("one", "two"):
        queue.client.send_message(QueueUrl=queue.url, MessageBody=body)
    poller = reading(queue, function)
    assert poller.poll(wait_s=5) == 2
    assert (poller.done, poller.failed) == (0, 2)
    assert poller.last_error
    assert sorted(queue.bodies(wait_s=10)) == ["one", "two"]


def reading(queue: Queue, function: Function) -> QueuePoller:
    return QueuePoller(queue.client, queue.url, read_arn(queue.client, queue.url), function.invoke, region=REGION)
