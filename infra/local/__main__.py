"""`python -m infra.local`: runs the whole deployment locally, until Ctrl-C.

Each part prints a line when its state changes.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3

from infra.local.function import FunctionFailed
from infra.local.parts import (
    CREDENTIALS,
    QUEUES,
    REGION,
    Clock,
    QueueSpec,
    count_messages,
    create_function,
    create_queue,
    empty_folder,
    run_poller,
    run_postgres,
    run_process,
    wait_for_output,
)

POLL_S = 2.0  # between two reads of the states
MAYFLY = "from runtime_core.cli import main; main()"  # the `mayfly` command in this interpreter
MIGRATE_LIMIT_S = 120.0
# Variables of the user that the agents inherit; the stack sets all others.
INHERITED = ("OPENAI_", "TEXT_", "EMBEDDING_", "RECALL", "REFLECTION", "LOG_LEVEL", "AGENTS", "AUTH_MODE", "MODEL_")


def say(part: str, line: str) -> None:
    """Print a line about one part."""
    sys.stdout.write(f"{part:<13} {line}\n")
    sys.stdout.flush()


class Stack:
    """Parts of the deployment; `stack` closes them in reverse order."""

    def __init__(self, stack: ExitStack, folder: Path, port: int, tick_s: float) -> None:
        self._stack = stack
        self._folder = folder
        self._port = port
        self._tick_s = tick_s
        self._states: dict[str, Callable[[], str]] = {}
        self._shown: dict[str, str] = {}

    def start(self) -> None:
        """Start every part.

        Raises:
            FunctionFailed: A part did not start.
        """
        logs = empty_folder(self._folder / "logs")
        url = self._stack.enter_context(run_postgres(self._folder / "postgres"))
        say("postgres", url)
        queues = self._queue_server(logs)
        settings = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
        environment = {**settings, **CREDENTIALS, "AWS_ENDPOINT_URL_SQS": queues, "DATABASE_URL": url}
        environment["AWS_SAM_LOCAL"] = "true"  # local development: allows the local provider
        client = boto3.client("sqs", endpoint_url=queues, region_name=REGION, **_credentials())
        found = {spec.name: create_queue(client, spec) for spec in QUEUES}
        environment |= {spec.setting: found[spec.name][0] for spec in QUEUES}
        self._migrate(logs, environment)
        for spec in QUEUES:
            self._poll(client, found[spec.name], spec, environment, logs)
        tick = create_function("tick", "handlers.tick.handler", environment, logs)
        clock = self._stack.enter_context(Clock(tick, self._tick_s).running())
        self._states["tick"] = lambda: clock.last
        self._api(logs, environment)

    def watch(self, ended: threading.Event) -> None:
        """Print each part's state when it changes, until `ended` is set."""
        while not ended.wait(POLL_S):
            for part, state in self._states.items():
                if (line := state()) != self._shown.get(part):
                    self._shown[part] = line
                    say(part, line)

    def _queue_server(self, logs: Path) -> str:
        output = logs / "queues.txt"
        started = self._stack.enter_context(
            run_process("-m", "moto.server", "-H", "127.0.0.1", "-p", "0", environment=CREDENTIALS, output=output)
        )
        url = wait_for_output(started, output, r"(http://127\.0\.0\.1:\d+)")
        say("queues", url)
        return url

    def _migrate(self, logs: Path, environment: Mapping[str, str]) -> None:
        output = logs / "migrate.txt"
        with run_process("-c", MAYFLY, "migrate", environment=environment, output=output) as started:
            if started.wait(MIGRATE_LIMIT_S) != 0:
                cause = output.read_text(errors="replace").strip()[-500:]
                raise FunctionFailed(
                    f"mayfly migrate failed: {cause}\nRemove {self._folder / 'postgres'} for an empty database."
                )
        say("migrations", output.read_text(errors="replace").strip().splitlines()[-1])

    def _poll(
        self, client: Any, queue: tuple[str, str, str], spec: QueueSpec, environment: Mapping[str, str], logs: Path
    ) -> None:
        url, arn, dead = queue
        poller, function = self._stack.enter_context(run_poller(client, url, arn, spec, environment, logs))

        def state() -> str:
            error = f"; last error: {poller.last_error}" if poller.last_error else ""
            return (
                f"{count_messages(client, url)} queued, {poller.done} done, {poller.failed} failed, "
                f"{count_messages(client, dead)} dead letters, {poller.events} events, "
                f"{function.starts} cold starts{error}"
            )

        self._states[spec.name] = state
        say(spec.name, f"polled for {spec.handler}")

    def _api(self, logs: Path, environment: Mapping[str, str]) -> None:
        output = logs / "api.txt"
        started = self._stack.enter_context(
            run_process("-c", MAYFLY, "dev", "--port", str(self._port), environment=environment, output=output)
        )
        url = wait_for_output(started, output, r"(http://127\.0\.0\.1:\d+)")
        self._states["api"] = lambda: url if started.poll() is None else f"process ended: see {output}"
        say("api", f"{url} (Ctrl-C stops everything)")
        self._shown["api"] = url
        say("", f"curl {url}/v1/messages -H 'content-type: application/json' -d '{{\"text\": \"Hello\"}}'")


def _credentials() -> dict[str, str]:
    return {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


def main() -> int:
    """Run the deployment until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("API_PORT", "3000")))
    parser.add_argument("--folder", type=Path, default=Path(".data/local"))
    parser.add_argument("--tick-s", type=float, default=60.0)
    chosen = parser.parse_args()
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with ExitStack() as stack:
        parts = Stack(stack, chosen.folder, chosen.port, chosen.tick_s)
        try:
            parts.start()
        except FunctionFailed as error:
            say("failed", str(error))
            return 1
        parts.watch(ended)
        say("", "stopping")
    return 0


if __name__ == "__main__":
    sys.exit(main())
