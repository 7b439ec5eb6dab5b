"""`mayfly invoke`: an event from a file through the real handler, found and called as Lambda does it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any
from uuid import uuid4

import click

from runtime_core.cli.examples import examples
from runtime_core.cli.failure import Failure, hint_for
from runtime_core.cli.logs import log_to_stderr, said_once
from runtime_core.cli.settings import read_settings

_Handler = Callable[[Any, "LocalContext"], Any]


@dataclass(slots=True, kw_only=True)
class LocalContext:
    """What Lambda passes to a handler beside the event; like Lambda's own, a handler may set its fields."""

    function_name: str
    timeout_s: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 1024
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    _began_s: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.timeout_s - (time.monotonic() - self._began_s)) * 1000))


@click.command(
    epilog=examples(
        "mayfly invoke events/message.json",
        "mayfly invoke events/rest_api.json --handler handlers.api:handler",
        'echo \'{"text": "Hello"}\' | mayfly invoke -',
    ),
    short_help="Send an event through a handler, as Lambda would.",
)
@click.argument("event", type=click.File("rb"))
@click.option(
    "--handler", "name", default="handlers.message:handler", show_default=True, help="The handler, as module:function."
)
@click.option(
    "--timeout",
    "timeout_s",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds the handler has.",
)
@click.pass_obj
def command(debug: bool, event: IO[bytes], name: str, timeout_s: float) -> None:
    """Send an event through a handler, as Lambda would.

    EVENT is a file with the event in JSON; - reads it from stdin. The handler's result goes to stdout
    as JSON, logs go to stderr. The exit code is 1 when the handler answers with an error.
    """
    log_to_stderr(read_settings().log_level, debug=debug)
    value = _event(event)
    handler = load_handler(name)
    context = LocalContext(function_name=name.partition(":")[0].rpartition(".")[2], timeout_s=timeout_s)
    with said_once("runtime_core.aws.environment") as say:
        result = handler(value, context)
        told = error_text(result)
        say(told)
    try:
        text = json.dumps(result, indent=2, ensure_ascii=False)
    except TypeError as error:
        raise Failure(f"the handler's result cannot be written as JSON: {error}") from error
    click.echo(text)
    if told:
        raise Failure(told, hint=hint_for(error_code(result)))


def load_handler(name: str) -> _Handler:
    """Find a handler by name: `package.module:function`, or with a dot as in a Lambda configuration."""
    module_name, _, function_name = name.replace("/", ".").replace(":", ".").rpartition(".")
    if not module_name:
        raise click.BadParameter(f"{name!r} is not of the form module:function", param_hint="--handler")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise click.BadParameter(f"there is no module {error.name}", param_hint="--handler") from error
    handler: Any = getattr(module, function_name, None)
    if not callable(handler):
        raise click.BadParameter(f"{module_name} has no function {function_name}", param_hint="--handler")
    found: _Handler = handler
    return found


def error_text(result: object) -> str:
    """The error that a result carries: a message's, or an HTTP answer's problem; empty when there is none."""
    if not isinstance(result, Mapping):
        return ""
    if isinstance(error := result.get("error"), Mapping):
        return str(error.get("message") or error.get("code"))
    status = result.get("statusCode")
    if not isinstance(status, int) or status < 400:
        return ""
    return f"HTTP {status}: {_problem(result).get('detail', '')}".removesuffix(": ")


def error_code(result: Mapping[str, Any]) -> str:
    """The stable name of the error that a result carries, where it has one."""
    if isinstance(error := result.get("error"), Mapping):
        return str(error.get("code", ""))
    return str(_problem(result).get("type", "")).rpartition(":")[2]


def _problem(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The problem document in the body of an HTTP answer; empty when the body is none."""
    body = result.get("body")
    try:
        problem = json.loads(body) if isinstance(body, str) else None
    except ValueError:
        return {}
    return problem if isinstance(problem, Mapping) else {}


def _event(file: IO[bytes]) -> Any:
    try:
        return json.loads(file.read())
    except ValueError as error:  # also what is not UTF-8
        raise Failure(f"{file.name} is not JSON: {error}") from error
    except RecursionError as error:
        raise Failure(f"{file.name} is nested too deeply to be an event") from error
