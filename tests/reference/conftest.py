"""Fixtures of the documents' examples: a database, a model server, and undefined names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from runtime_core import AgentRuntime, ElizaOS, Memory, Plugin
from runtime_core.plugin_api import Context
from tests.model_server import ScriptedModelServer

ENGINES = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]
KEY = "sk-reference-1234"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mayfly.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(autouse=True)
def environment(database_url: str, model_server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a deployment; the examples set everything else."""
    model_server.api_key = KEY
    variables = {
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": model_server.base_url,
        "MODEL_MAX_RETRIES": "0",
        "EMBEDDING_DIMENSION": "256",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def user_id() -> UUID:
    return uuid4()


@pytest.fixture
def room_id() -> UUID:
    return uuid4()


@pytest.fixture
async def eliza_os() -> AsyncIterator[ElizaOS]:
    """An orchestrator, whose agents are stopped after the test."""
    orchestrator = ElizaOS()
    yield orchestrator
    await orchestrator.stop_agents()


@pytest.fixture
def plugins() -> list[Plugin]:
    """Plugins of a test, in addition to the built-in ones."""
    return []


@pytest.fixture
async def runtime(plugins: list[Plugin], eliza_os: ElizaOS) -> AgentRuntime:
    """A started agent of the orchestrator."""
    added = await eliza_os.add_agents(
        [{"character": {"name": "Assistant", "bio": "A helpful AI assistant"}, "plugins": plugins}],
        auto_start=True,
        return_runtimes=True,
    )
    return added[0]


@pytest.fixture
async def message(runtime: Context, user_id: UUID, room_id: UUID) -> Memory:
    """A message as a platform sends it."""
    return runtime.as_message(
        {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!", "source": "web"}}
    )
