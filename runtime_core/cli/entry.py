"""The way into the `mayfly` command; says what to install when the command line's packages are missing."""

from __future__ import annotations

import sys
from importlib import import_module

EXTRA = {"click", "rich", "uvicorn"}


def main() -> None:
    """Run the command line."""
    try:
        commands = import_module("runtime_core.cli.commands")
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.exit(missing(error.name))
    commands.mayfly(prog_name="mayfly")


def missing(package: str | None) -> str:
    """What to say when a package of the extra is not installed."""
    return f"Error: the command line needs {package}, which is not installed.\nHint: pip install 'mayfly[cli]'"
