"""`python -m infra.local`: the whole deployment on this machine, until Ctrl-C; a line for each part as it changes."""

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
    create_queue,
    emptied,
    function_of,
    postgres,
    process,
    reader,
    said,
    waiting,
)

LOOK_S = 2.0
MAYFLY = "from runtime_core.cli import main; main()"  # the command line, by this very interpreter
MIGRATE_LIMIT_S = 120.0
# What a user sets for the agents; everything else is the stack's own.
PASSED_ON = ("OPENAI_", "TEXT_", "EMBEDDING_", "RECALL", "REFLECTION", "LOG_LEVEL", "AGENTS", "AUTH_MODE", "MODEL_")


def say(part: str, line: str) -> None:
    """Print a line of one part."""
    sys.stdout.write(f"{part:<13} {line}\n")
    sys.stdout.flush()


class Stack:
    """The parts, in the order in which they start; each is closed by `stack`, last first."""

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
            FunctionFailed: One did not start.
        """
        logs = emptied(self._folder / "logs")
        url = self._stack.enter_context(postgres(self._folder / "postgres"))
        say("postgres", url)
        queues = self._queue_server(logs)
        settings = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        environment = {**settings, **CREDENTIALS, "AWS_ENDPOINT_URL_SQS": queues, "DATABASE_URL": url}
        environment["AWS_SAM_LOCAL"] = "true"  # on a developer's machine the local provider may answer
        client = boto3.client("sqs", endpoint_url=queues, region_name=REGION, **_credentials())
        found = {spec.name: create_queue(client, spec) for spec in QUEUES}
        environment |= {spec.setting: found[spec.name][0] for spec in QUEUES}
        self._migrate(logs, environment)
        for spec in QUEUES:
            self._reader(client, found[spec.name], spec, environment, logs)
        tick = function_of("tick", "handlers.tick.handler", environment, logs)
        clock = self._stack.enter_context(Clock(tick, self._tick_s).running())
        self._states["tick"] = lambda: clock.last
        self._api(logs, environment)

    def watch(self, ended: threading.Event) -> None:
        """Show the state of each part whenever it changes, until the end."""
        while not ended.wait(LOOK_S):
            for part, state in self._states.items():
                if (line := state()) != self._shown.get(part):
                    self._shown[part] = line
                    say(part, line)

    def _queue_server(self, logs: Path) -> str:
        output = logs / "queues.txt"
        started = self._stack.enter_context(
            process("-m", "moto.server", "-H", "127.0.0.1", "-p", "0", environment=CREDENTIALS, output=output)
        )
        url = said(started, output, r"(http://127\.0\.0\.1:\d+)")
        say("queues", url)
        return url

    def _migrate(self, logs: Path, environment: Mapping[str, str]) -> None:
        output = logs / "migrate.txt"
        with process("-c", MAYFLY, "migrate", environment=environment, output=output) as started:
            if started.wait(MIGRATE_LIMIT_S) != 0:
                told = output.read_text(errors="replace").strip()[-500:]
                raise FunctionFailed(f"mayfly migrate: {told}\nRemove {self._folder / 'postgres'} to begin anew.")
        say("migrations", output.read_text(errors="replace").strip().splitlines()[-1])

    def _reader(
        self, client: Any, queue: tuple[str, str, str], spec: QueueSpec, environment: Mapping[str, str], logs: Path
    ) -> None:
        url, arn, dead = queue
        poller, function = self._stack.enter_context(reader(client, url, arn, spec, environment, logs))

        def state() -> str:
            trouble = f"; {poller.last_error}" if poller.last_error else ""
            return (
                f"{waiting(client, url)} waiting, {poller.done} done, {poller.failed} came back, "
                f"{waiting(client, dead)} dead, {poller.events} events, {function.starts} start(s){trouble}"
            )

        self._states[spec.name] = state
        say(spec.name, f"read by {spec.handler}")

    def _api(self, logs: Path, environment: Mapping[str, str]) -> None:
        output = logs / "api.txt"
        started = self._stack.enter_context(
            process("-c", MAYFLY, "dev", "--port", str(self._port), environment=environment, output=output)
        )
        url = said(started, output, r"(http://127\.0\.0\.1:\d+)")
        self._states["api"] = lambda: url if started.poll() is None else f"ended: see {output}"
        say("api", f"{url} (Ctrl-C stops everything)")
        self._shown["api"] = url
        say("", f"curl {url}/v1/messages -H 'content-type: application/json' -d '{{\"text\": \"Hello\"}}'")


def _credentials() -> dict[str, str]:
    return {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


def main() -> int:
    """Run the stack."""
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
