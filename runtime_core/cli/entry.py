"""The way into the `mayfly` command; says what to install when the command line's packages are missing."""

from __future__ import annotations

import sys
from importlib import import_module

# What brings each package that is not always there.
EXTRA = {
    **dict.fromkeys(("click", "rich", "uvicorn"), "cli"),
    **dict.fromkeys(("bs4", "mammoth", "markdownify", "pypdf"), "ingest"),
}
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
    """Which package of an extra is not installed; None when something else is missing."""
    package = (error.name or "").partition(".")[0]
    return package if package in EXTRA else None


def install_hint(package: str) -> str:
    """How to install what brings a package."""
    return f"pip install 'mayfly[{','.join(dict.fromkeys(('cli', EXTRA[package])))}]'"
