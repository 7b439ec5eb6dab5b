"""Composition of a state from providers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.agent.agent import Agent, agent_settings
from runtime_core.agent.registry import Registry
from runtime_core.domain.character import Character
from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.errors import StateError
from runtime_core.plugin_api import Provider
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from runtime_core.support.shared import Shared


def provider(name: str, **fields: Any) -> Provider:
    async def get() -> ProviderResult:
        return ProviderResult(text=name, values={"last": name, name: True}, data={"who": name})

    return Provider(**{"name": name, "get": get, **fields})


@pytest.fixture
def bare(adapter: SqliteAdapter, stack: AsyncExitStack) -> AgentRuntime:
    """Runtime with only the test's providers."""
    who = Character(name="Ada")
    settings = agent_settings(who, None)
    agent = Agent(
        id=who.agent_id, character=who, registry=Registry(), settings=settings, deployment=settings.deployment
    )
    return AgentRuntime.of(agent, adapter, Shared(stack))


async def test_providers_are_merged_by_position_then_by_registration(bare: AgentRuntime, message: Memory) -> None:
    for each in (provider("c", position=5), provider("a"), provider("b"), provider("z", position=-1)):
        bare.register_provider(each)
    state = await bare.compose_state(message)
    assert state.text == "z\n\na\n\nb\n\nc"
    assert state.values["last"] == "c"
    assert state.provided("a").data == {"who": "a"}


async def test_dynamic_and_private_providers_come_only_when_asked_for(bare: AgentRuntime, message: Memory) -> None:
    for each in (provider("plain"), provider("dynamic", dynamic=True), provider("private", private=True)):
        bare.register_provider(each)
    assert (await bare.compose_state(message)).text == "plain"
    assert (await bare.compose_state(message, ["private"])).text == "plain\n\nprivate"
    assert (await bare.compose_state(message, ["dynamic"], only_include=True)).text == "dynamic"


async def test_asking_for_an_unknown_provider_lists_the_known(bare: AgentRuntime, message: Memory) -> None:
    bare.register_provider(provider("plain"))
    with pytest.raises(StateError, match="no provider WEATHER; known: plain"):
        await bare.compose_state(message, ["WEATHER"])


async def test_one_that_raises_or_times_out_is_noted_and_left_out(bare: AgentRuntime, message: Memory) -> None:
    async def raises() -> None:
        raise ValueError("no map")

    async def hangs() -> None:
        await asyncio.Event().wait()

    bare.settings = Settings(providers_timeout_s=0.05)
    bare.register_provider(Provider(name="MAP", get=raises))
    bare.register_provider(Provider(name="SLOW", get=hangs))
    bare.register_provider(provider("good"))
    state = await bare.compose_state(message)
    assert state.text == "good"
    assert state.data["provider_errors"]["MAP"] == "ValueError: no map"
    assert "provider SLOW took longer than" in state.data["provider_errors"]["SLOW"]


async def test_a_second_call_in_the_turn_is_the_same_state_unless_told_otherwise(
    bare: AgentRuntime, message: Memory
) -> None:
    calls: list[str] = []

    async def get(_: Any, asked: Memory) -> str:
        calls.append(asked.content.text)
        return "text"

    bare.register_provider(Provider(name="COUNTED", get=get))
    first = await bare.compose_state(message)
    assert await bare.compose_state(message) is first
    assert len(calls) == 1
    await bare.compose_state(message, skip_cache=True)
    assert len(calls) == 2


async def test_nothing_survives_the_turn(bare: AgentRuntime, message: Memory) -> None:
    calls: list[int] = []

    async def get() -> str:
        calls.append(1)
        return "text"

    bare.register_provider(Provider(name="COUNTED", get=get))
    for _ in range(2):
        bare.start_run()
        await bare.compose_state(message)
        bare.end_run()
    assert len(calls) == 2
