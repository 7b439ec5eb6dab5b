"""Entry point of the `mayfly` command; reports missing packages."""

from __future__ import annotations

import sys
from importlib import import_module

# Extra that installs each optional package.
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
        sys.exit(f"Error: the command line needs the package {package}, which is not installed.\nHint: {INSTALL}")
    commands.mayfly(prog_name="mayfly")


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Find the optional package that an import error is about.

    Returns:
        The package, or None if the missing module belongs to no extra.
    """
    package = (error.name or "").partition(".")[0]
    return package if package in EXTRA else None


def install_hint(package: str) -> str:
    """Return the command that installs a package's extra."""
    return f"pip install 'mayfly[{','.join(dict.fromkeys(('cli', EXTRA[package])))}]'"
