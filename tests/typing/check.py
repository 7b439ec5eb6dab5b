"""Check the types of the example plugins: `python -m tests.typing.check PYTHON`, where PYTHON has pyright.

Every line marked `# error` has to be an error, and no other line may be one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TYPING = Path("tests/typing")
PLUGINS = (
    TYPING / "good_plugin.py",
    TYPING / "wrong_plugin.py",
    Path("tests/plugin_package/mayfly_weather/__init__.py"),
)
MARK = "  # error"
TIMEOUT_S = 300

Errors = dict[tuple[str, int], str]


def run_mypy() -> Errors:
    """Run mypy with the project's settings.

    Returns:
        Messages by file and line.
    """
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, PLUGINS)]
    shown = _run(command)
    lines = [re.match(r"(.+?):(\d+): error: (.*)", line) for line in shown.splitlines()]
    if not any(lines):
        raise SystemExit(f"mypy found no error in {PLUGINS[1]}: {shown}")
    return {(match[1], int(match[2])): match[3] for match in lines if match}


def run_pyright(python: str) -> Errors:
    """Run pyright in strict mode, over the plugin API as well.

    Args:
        python: Path of the Python that has pyright; the packages are those of this Python.

    Returns:
        Messages by file and line.
    """
    options = ["--project", str(TYPING), "--pythonpath", sys.executable, "--outputjson"]
    found = json.loads(_run([python, "-m", "pyright", *options]))["generalDiagnostics"]
    return {
        (str(Path(each["file"]).relative_to(ROOT)), each["range"]["start"]["line"] + 1): each["message"]
        for each in found
        if each["severity"] == "error"
    }


def compare(errors: Errors) -> list[str]:
    """Compare errors with the marks; each difference is one line of text."""
    marked = {
        (str(path), number)
        for path in PLUGINS
        for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1)
        if line.endswith(MARK)
    }
    unexpected = [f"{path}:{line}: {errors[path, line]}" for path, line in sorted(errors.keys() - marked)]
    missed = [f"{path}:{line}: marked, and no error" for path, line in sorted(marked - errors.keys())]
    return [*unexpected, *missed]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit("\n".join(compare(run_pyright(sys.argv[1]))) or 0)
