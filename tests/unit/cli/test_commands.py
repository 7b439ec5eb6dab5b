"""The command as a whole: help, version, usage errors."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from runtime_core.cli.commands import mayfly as command
from runtime_core.version import __version__

COMMANDS = ["chat", "invoke", "dev", "migrate", "character"]


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(command, ["--version"])
    assert (result.exit_code, result.output) == (0, f"mayfly {__version__}\n")


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {name} " in result.output for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["chat"], ["invoke"], ["dev"], ["migrate"], ["character", "check"]])
def test_the_help_of_each_command_shows_examples_as_they_are_written(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, [*arguments, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"\n    mayfly {' '.join(arguments)}" in result.output


@pytest.mark.parametrize("arguments", [["nothing"], ["chat", "--nothing"], ["invoke"], ["dev", "--port", "70000"]])
def test_a_wrong_call_is_a_usage_error(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.output
