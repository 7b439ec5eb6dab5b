"""`mayfly invoke`: invokes a handler with an event, as Lambda does."""

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
from runtime_core.cli.logs import defer_errors, log_to_stderr
from runtime_core.cli.settings import read_settings

_Handler = Callable[[Any, "LocalContext"], Any]


@dataclass(slots=True, kw_only=True)
class LocalContext:
    """Lambda context of a local invocation; mutable, as on Lambda."""

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
    short_help="Invoke a Lambda handler with an event.",
)
@click.argument("event", type=click.File("rb"))
@click.option(
    "--handler", "name", default="handlers.message:handler", show_default=True, help="Handler as module:function."
)
@click.option(
    "--timeout",
    "timeout_s",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Time limit of the handler, in seconds.",
)
@click.pass_obj
def command(debug: bool, event: IO[bytes], name: str, timeout_s: float) -> None:
    """Invoke a Lambda handler with an event.

    EVENT is a file with the event in JSON; - reads it from stdin. The result is written to stdout as
    JSON, and logs to stderr. The exit code is 1 if the result is an error.
    """
    log_to_stderr(read_settings().log_level, debug=debug)
    value = _event(event)
    handler = load_handler(name)
    context = LocalContext(function_name=name.partition(":")[0].rpartition(".")[2], timeout_s=timeout_s)
    with defer_errors("runtime_core.aws.environment") as drop:
        result = handler(value, context)
        message = error_text(result)
        drop(message)
    try:
        text = json.dumps(result, indent=2, ensure_ascii=False)
    except TypeError as error:
        raise Failure(f"the handler's result cannot be written as JSON: {error}") from error
    click.echo(text)
    if message:
        raise Failure(message, hint=hint_for(error_code(result)))


def load_handler(name: str) -> _Handler:
    """Import a handler by name.

    Args:
        name: `package.module:function`, or `package.module.function` as in a Lambda configuration.

    Raises:
        click.BadParameter: The name is malformed, or the module or function does not exist.
    """
    module_name, _, function_name = name.replace("/", ".").replace(":", ".").rpartition(".")
    if not module_name:
        raise click.BadParameter(f"{name!r} does not have the form module:function", param_hint="--handler")
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
    """Return the error message of a handler's result; empty if it succeeded.

    The message of an HTTP response is its status and its problem's detail.
    """
    if not isinstance(result, Mapping):
        return ""
    if isinstance(error := result.get("error"), Mapping):
        return str(error.get("message") or error.get("code"))
    status = result.get("statusCode")
    if not isinstance(status, int) or status < 400:
        return ""
    return f"HTTP {status}: {_problem(result).get('detail', '')}".removesuffix(": ")


def error_code(result: Mapping[str, Any]) -> str:
    """Return the code of a result's error; empty if there is none."""
    if isinstance(error := result.get("error"), Mapping):
        return str(error.get("code", ""))
    return str(_problem(result).get("type", "")).rpartition(":")[2]


def _problem(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parse the problem document of an HTTP response; empty without one."""
    body = result.get("body")
    try:
        problem = json.loads(body) if isinstance(body, str) else None
    except ValueError:
        return {}
    return problem if isinstance(problem, Mapping) else {}


def _event(file: IO[bytes]) -> Any:
    try:
        return json.loads(file.read())
    except ValueError as error:  # includes text that is not UTF-8
        raise Failure(f"{file.name} is not JSON: {error}") from error
    except RecursionError as error:
        raise Failure(f"{file.name} is nested too deeply to be an event") from error
