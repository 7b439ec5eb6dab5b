"""The built functions in Lambda containers, by the SAM command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.databases import free_port

ROOT = Path(__file__).parents[2]
SAM = os.environ.get("SAM", str(ROOT / ".venv" / "sam" / "bin" / "sam"))
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
HOST = "172.17.0.1"  # this machine, as a container on Docker's default bridge reaches it
REGION = "eu-central-1"
START_LIMIT_S = 60.0


class Functions:
    """Invokes built functions, each in a container of its own; `variables` are theirs for every invocation."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.log = ""  # what the last invocation wrote
        self._folder = folder
        self._variables = {name: {**_unset(name), **variables} for name in _functions()}

    def invoke(self, function: str, event: object, **variables: str) -> Any:
        """What the function answers; its log is in the error when it answers nothing."""
        event_file = self._folder / "event.json"
        event_file.write_text(json.dumps(event))
        command = ["local", "invoke", function, "--event", str(event_file), *self._options(variables)]
        done = subprocess.run([SAM, *command], env=_environment(), capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip(), done.stderr
        self.log = done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    @contextmanager
    def api(self) -> Iterator[str]:
        """The HTTP API on a port of this machine; its URL."""
        port = free_port()
        configured = ["--config-file", str(ROOT / "samconfig.toml")]  # found beside the template that is built from
        command = ["local", "start-api", "--port", str(port), *configured, *self._options({})]
        with (self._folder / "api.log").open("wb") as log:
            process = subprocess.Popen(
                [SAM, *command], env=_environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            _wait_until_listening(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # SAM takes its containers with it
                process.wait(60)

    def _options(self, variables: Mapping[str, str]) -> list[str]:
        chosen = {name: {**given, **variables} for name, given in self._variables.items()}
        variables_file = self._folder / "variables.json"
        variables_file.write_text(json.dumps(chosen))
        return ["--template", str(BUILT), "--skip-pull-image", "--env-vars", str(variables_file), "--region", REGION]


def _functions(template: Path = BUILT, stack: str = "") -> dict[str, dict[str, Any]]:
    """The built functions by their paths, such as `Background/InboxWorker/Function`."""
    found: dict[str, dict[str, Any]] = {}
    for name, resource in yaml_parse(template.read_text())["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            found[stack + name] = resource
        elif resource["Type"] == "AWS::CloudFormation::Stack":
            found |= _functions(template.parent / resource["Properties"]["TemplateURL"], f"{stack}{name}/")
    return found


def _unset(function: str) -> dict[str, str]:
    """Blanks for what the template fills in from resources: there are none here."""
    variables = _functions()[function]["Properties"].get("Environment", {}).get("Variables", {})
    return {
        name: ""
        for name in ["DATABASE_SECRET_ARN", "DATABASE_HOST", *variables]
        if "QUEUE" in name or "ARN" in name or "HOST" in name
    }


def _environment() -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}  # what SAM hands to the containers
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SAM_CLI_TELEMETRY": "0", **keys}


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "sam local start-api ended"
            assert time.monotonic() < limit, "sam local start-api does not listen"
            _moment(process)
        else:
            return


def _moment(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the process to end, or else to go on starting."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return
