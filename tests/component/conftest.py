"""Fixtures of the tier: a runtime over a SQLite database in this process, and no process beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.character import Character
from runtime_core.domain.memory import Content, Memory
from runtime_core.plugin_api import Context, Plugin
from runtime_core.runtime.runtime import AgentRuntime
from tests.tiers import refuse_processes


async def echo(_runtime: Any, params: Any) -> str:
    """A text model that says what it was asked."""
    text = params["messages"][-1].text if "messages" in params else params["prompt"]
    return f"echo: {text}"


ECHO = Plugin(name="echo", models={"TEXT_LARGE": echo, "TEXT_SMALL": echo})


# The teardown is left out: after the last test it stops the Postgres server of the session's other tiers.
@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with refuse_processes("tests/component", "tests/integration"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with refuse_processes("tests/component", "tests/integration"):
        return (yield)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def adapter() -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(":memory:")
    await adapter.migrate()
    yield adapter
    await adapter.close()


@pytest.fixture
async def runtime(adapter: SqliteAdapter) -> AsyncIterator[AgentRuntime]:
    async with AgentRuntime(character=Character(name="Ada"), plugins=[ECHO], adapter=adapter) as runtime:
        yield runtime


@pytest.fixture
def message(runtime: Context) -> Memory:
    return Memory(agent_id=runtime.agent_id, entity_id=uuid4(), room_id=uuid4(), content=Content(text="Hello"))
