"""The command as a whole: errors, and the packages it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime_core.cli.entry import EXTRA
from tests.integration.cli.terminal import COMMAND, environment, mayfly


def test_a_setting_that_is_wrong_is_one_line_and_a_hint(tmp_path: Path) -> None:
    done = mayfly("migrate", folder=tmp_path, API_PORT="many")
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("Error: API_PORT is 'many'")
    assert second.startswith("Hint: ")


def test_debug_shows_the_traceback_of_an_error(tmp_path: Path) -> None:
    done = mayfly("--debug", "migrate", folder=tmp_path, API_PORT="many")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "SettingsError" in done.stderr


@pytest.mark.parametrize("package", sorted(EXTRA))
def test_a_missing_package_of_the_extra_is_named_with_what_to_install(package: str, tmp_path: Path) -> None:
    name = {"click": "migrate", "rich": "chat", "uvicorn": "dev"}.get(package, "ingest")
    code = f"import sys; sys.modules[{package!r}] = None; from runtime_core.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, name], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert package in done.stderr
    extras = "cli" if EXTRA[package] == "cli" else "cli,ingest"
    assert f"pip install 'mayfly[{extras}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_does_not_load_what_a_subcommand_needs(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.argv = ['mayfly', '--version']\nimport atexit\n"
        "atexit.register(lambda: print(sorted({'rich', 'uvicorn', 'handlers', 'apsw'} & set(sys.modules))))\n"
        "from runtime_core.cli import main\nmain()"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
