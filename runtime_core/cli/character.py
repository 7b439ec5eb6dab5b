"""`mayfly character`: checking character files before they are deployed."""

from __future__ import annotations

from pathlib import Path

import click

from runtime_core.cli.examples import examples
from runtime_core.domain.character import load_character
from runtime_core.errors import InvalidCharacter


@click.group(short_help="Work with character files.")
def command() -> None:
    """Work with character files."""


@command.command(
    epilog=examples("mayfly character check handlers/characters/*.json"),
    short_help="Say whether character files can be read, and what is wrong with those that cannot.",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Say whether character files can be read, and what is wrong with those that cannot.

    The files are elizaOS characters in JSON. For one that is wrong, the file, the path inside it
    and what was expected go to stderr, and the exit code is 1. Of one that is right, fields that mean
    nothing here are told.
    """
    wrong = 0
    for path in files:
        try:
            character = load_character(path)
        except InvalidCharacter as error:
            wrong += 1
            click.echo(f"{click.style('wrong', fg='red')}  {error}", err=True)
        else:
            unused = f"; kept but not used: {', '.join(character.extra)}" if character.extra else ""
            click.echo(f"{click.style('ok', fg='green')}     {path}: {character.name}{unused}")
    if wrong:
        raise SystemExit(1)
