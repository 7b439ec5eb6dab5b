"""Deployment on each database, with the scripted model server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.memory import Memory
from runtime_core.domain.message_request import MessageRequest, parse_message_request
from runtime_core.ports import DatabaseAdapter, MemoryFilter
from runtime_core.settings import Settings
from tests.model_server import ScriptedModelServer

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Deployment]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mayfly.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def open_deployment(database_url: str, model_server: ScriptedModelServer) -> Open:
    """Opener of a deployment of `tests.integration.agents` with changed settings."""

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Deployment]:
        settings = Settings(
            **{
                "database_url": database_url,
                "agents": "tests.integration.agents:AGENTS",
                "openai_base_url": model_server.base_url,
                "openai_api_key": SecretStr("sk-test-1234"),
                "model_max_retries": 0,
                **changes,
            }
        )
        async with Deployment.open(settings) as deployment:
            yield deployment

    return opened


@pytest.fixture
async def deployment(open_deployment: Open) -> AsyncIterator[Deployment]:
    async with open_deployment() as deployment:
        yield deployment


def request_of(text: str, **fields: Any) -> MessageRequest:
    """Create an incoming message."""
    return parse_message_request({"text": text, **fields}, limit_bytes=64 * 1024)


def new_id() -> str:
    return str(uuid4())


async def conversation(database: DatabaseAdapter, agent_id: UUID, room_id: UUID | str) -> list[Memory]:
    """Return every stored message of a room, oldest first."""
    newest = await database.memories.find(agent_id, MemoryFilter(room_ids=(UUID(str(room_id)),)), limit=1000)
    return list(reversed(newest))
