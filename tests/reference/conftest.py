"""What the documents' examples stand on: a database, a model's server, and the names that they leave open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from runtime_core import AgentRuntime, ElizaOS, Memory, Plugin
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
    """The variables that a deployment sets; everything else is as in the examples."""
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
    """An orchestrator; its agents are stopped afterwards."""
    orchestrator = ElizaOS()
    yield orchestrator
    await orchestrator.stop_agents()


@pytest.fixture
def plugins() -> list[Plugin]:
    """A test's own plugins, beside the built-in ones."""
    return []


@pytest.fixture
async def runtime(plugins: list[Plugin], eliza_os: ElizaOS) -> AgentRuntime:
    """One agent of the orchestrator, started."""
    added = await eliza_os.add_agents(
        [{"character": {"name": "Assistant", "bio": "A helpful AI assistant"}, "plugins": plugins}],
        auto_start=True,
        return_runtimes=True,
    )
    return added[0]


@pytest.fixture
async def message(runtime: AgentRuntime, user_id: UUID, room_id: UUID) -> Memory:
    """A message as a platform hands it over."""
    return runtime.as_message(
        {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!", "source": "web"}}
    )
