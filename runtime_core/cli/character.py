"""`mayfly character`: validates character files."""

from __future__ import annotations

from pathlib import Path

import click

from runtime_core.cli.examples import examples
from runtime_core.domain.character import load_character
from runtime_core.errors import InvalidCharacter


@click.group(short_help="Validate character files.")
def command() -> None:
    """Validate character files."""


@command.command(
    epilog=examples("mayfly character check handlers/characters/*.json"),
    short_help="Validate character files, and print their errors.",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Validate character files, and print their errors.

    The files are elizaOS characters in JSON. For an invalid file, stderr shows the file, the path
    inside it and the expected value, and the exit code is 1. For a valid file, stdout lists the
    fields that Mayfly keeps but does not use.
    """
    invalid = 0
    for path in files:
        try:
            character = load_character(path)
        except InvalidCharacter as error:
            invalid += 1
            click.echo(f"{click.style('error', fg='red')}  {error}", err=True)
        else:
            unused = f"; kept but not used: {', '.join(character.extra)}" if character.extra else ""
            click.echo(f"{click.style('ok', fg='green')}     {path}: {character.name}{unused}")
    if invalid:
        raise SystemExit(1)
