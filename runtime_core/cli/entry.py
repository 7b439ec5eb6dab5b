"""The way into the `mayfly` command; says what to install when the command line's packages are missing."""

from __future__ import annotations

import sys
from importlib import import_module

EXTRA = frozenset({"click", "rich", "uvicorn"})
INSTALL = "pip install 'mayfly[cli]'"


def main() -> None:
    """Run the command line."""
    try:
        commands = import_module("runtime_core.cli.commands")
    except ModuleNotFoundError as error:
        if (package := missing_package(error)) is None:
            raise
        sys.exit(f"Error: the command line needs {package}, which is not installed.\nHint: {INSTALL}")
    commands.mayfly(prog_name="mayfly")


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Which package of the extra is not installed; None when something else is missing."""
    package = (error.name or "").partition(".")[0]
    return package if package in EXTRA else None
