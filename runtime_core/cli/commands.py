"""The `mayfly` command: its subcommands, loaded when they are called, and how errors are told."""

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
    "invoke": "Send an event through a handler, as Lambda would.",
    "dev": "Serve the HTTP API on this machine.",
    "migrate": "Bring the database to the schema this version needs.",
    "ingest": "Give an agent documents to answer from.",
    "backfill": "Embed memories under a new model while the old one serves.",
    "character": "Work with character files.",
}


class LazyGroup(click.Group):
    """Imports a subcommand's module when it is called, so that no command pays for another's packages."""

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
                f"`mayfly {cmd_name}` needs {package}, which is not installed.", hint=install_hint(package)
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
    epilog="Settings come from environment variables; the README lists them.",
)
@click.version_option(__version__, message="mayfly %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks, and log everything to stderr.")
def mayfly(*, debug: bool) -> None:
    """Agents that live for one message."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # where the user's `handlers` are; a console script does not look here
    click.get_current_context().obj = debug
