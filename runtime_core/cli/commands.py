"""`mayfly` command group: lazy subcommands and error output."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

from runtime_core.cli.entry import install_hint, missing_package
from runtime_core.cli.failure import Failure, failure_of
from runtime_core.errors import MayflyError
from runtime_core.version import __version__

_COMMANDS = {
    "chat": "Talk with an agent in the terminal.",
    "invoke": "Invoke a Lambda handler with an event.",
    "dev": "Serve the HTTP API locally.",
    "migrate": "Apply the missing database migrations.",
    "ingest": "Add documents to an agent's knowledge.",
    "backfill": "Embed stored memories with a new model.",
    "character": "Validate character files.",
}


class LazyGroup(click.Group):
    """Command group that imports a subcommand's module on first use.

    Each command then starts without the packages of the others.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        try:
            module = import_module(f"runtime_core.cli.{cmd_name}")
        except ModuleNotFoundError as error:
            if (package := missing_package(error)) is None:
                raise
            raise Failure(
                f"`mayfly {cmd_name}` needs the package {package}, which is not installed.", hint=install_hint(package)
            ) from error
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except MayflyError as error:
            if ctx.params["debug"]:
                raise
            raise failure_of(error) from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings are environment variables; the README lists them.",
)
@click.version_option(__version__, message="mayfly %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks, and log every level to stderr.")
def mayfly(*, debug: bool) -> None:
    """Agents that live for one message."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # has the user's `handlers`; a console script's path does not include it
    click.get_current_context().obj = debug
