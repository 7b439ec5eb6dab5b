"""Plugin in a separate distribution: installed, found by its entry point, used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "plugin_package"
_USE = """
import asyncio
from uuid import uuid4
from runtime_core import AgentRuntime

async def main():
    character = {"name": "Ada", "plugins": ["@elizaos/plugin-weather"], "settings": {"WEATHER_UNIT": "F"}}
    async with AgentRuntime(character=character, plugins=["local"], settings={"DATABASE_URL": "sqlite://"}) as runtime:
        message = {"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "How is Paris?"}}
        call = {"name": "weather", "params": {"city": "Paris"}}
        result = await runtime.execute_planned_tool_call({"message": message}, call)
        answer = await runtime.handle_route({"path": "/plugins/weather/today/Rome"})
        state = await runtime.compose_state(message)
        print(result.text, "|", answer.body["temperature"], "|", state.values["season"])

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the installed package, built from a copy since building leaves files."""
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    for file in ("pyproject.toml", "mayfly_weather/__init__.py"):
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).write_text((PACKAGE / file).read_text())
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    return folder / "site"


def _run(*folders: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": ":".join(str(each) for each in (ROOT, *folders)), "PATH": ""}
    return subprocess.run([sys.executable, "-c", _USE], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.spec("C3", "C4", "R18")
def test_a_plugin_of_another_distribution_is_found_by_its_name_and_works(installed: Path) -> None:
    done = _run(installed)
    assert done.stdout == "15 °F in Paris | 14 °F | autumn\n", done.stderr


@pytest.mark.spec("C4")
def test_without_it_the_error_lists_the_plugins_there_are() -> None:
    done = _run()
    assert done.returncode == 1
    assert "no plugin '@elizaos/plugin-weather' is installed; known are bootstrap, local, openai, sql" in done.stderr


@pytest.mark.parametrize("file", ["pyproject.toml", "mayfly_weather/__init__.py"])
def test_the_page_shows_the_package_as_it_is(file: str) -> None:
    assert (PACKAGE / file).read_text().strip() in (ROOT / "docs" / "plugins.md").read_text()
