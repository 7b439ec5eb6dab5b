"""The wheel: one top-level name, and the example agent where no `handlers` package is."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--no-index", "-w", str(folder), str(ROOT)], check=True, timeout=110
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_installs_one_top_level_name(wheel: Path) -> None:
    names = {each.split("/")[0] for each in zipfile.ZipFile(wheel).namelist()}
    assert {each for each in names if not each.endswith(".dist-info")} == {"runtime_core"}


def test_it_answers_with_the_example_agent_beside_a_project_without_handlers(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"text": "Hello!"}))
    code = "import sys; sys.argv[0] = 'mayfly'; from runtime_core.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "invoke", str(event)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "", "DATABASE_URL": "sqlite://"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["did_respond"]
