from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import httpx2
import pytest

from runtime_core.deployment.deployment import Deployment
from runtime_core.http import Application, create_app
from runtime_core.ports import MemoryFilter
from runtime_core.settings import Settings
from tests.asgi import client_of

Stored: TypeAlias = Callable[[], Awaitable[int]]


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    settings = Settings(database_url="sqlite://", agents="tests.component.http.echo:AGENTS", model_max_retries=0)
    async with Deployment.open(settings) as deployment:
        yield deployment


@pytest.fixture
def app(deployment: Deployment) -> Application:
    async def source() -> Deployment:
        return deployment

    return create_app(source)


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def stored(deployment: Deployment) -> Stored:
    """Return a function that counts the stored memories of the agents."""

    async def count() -> int:
        everything = MemoryFilter(table=None)
        counts = [await deployment.database.memories.count(agent_id, everything) for agent_id in agent_ids(deployment)]
        return sum(counts)

    return count


def agent_ids(deployment: Deployment) -> list[UUID]:
    return [agent.agent_id for agent in deployment.agents]
