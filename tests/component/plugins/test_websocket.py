"""The source `websocket`, available only if `WEBSOCKET_ENDPOINT` is set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime_core.deployment.deployment import Deployment
from runtime_core.errors import NoSendHandler, SettingsError, TargetError, TargetGone
from runtime_core.plugin_api import Plugin
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from tests.connections import ManagedConnections, managed_connections
from tests.queues import CREDENTIALS

AGENTS = "tests.component.http.echo:AGENTS"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[ManagedConnections]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with managed_connections() as connections:
        yield connections


@pytest.mark.spec("R13")
async def test_what_an_agent_sends_goes_to_the_connection_of_the_target(connections: ManagedConnections) -> None:
    connections.sent = {"abc=": [], "def=": []}
    settings = Settings(database_url="sqlite://", agents=AGENTS, websocket_endpoint=connections.endpoint)
    async with Deployment.open(settings) as deployment:
        for agent in deployment.agents:
            runtime = await deployment.runtime(agent.agent_id)
            assert runtime.send_sources() == ["websocket"]
            target = {"source": "websocket", "channel_id": "abc="}
            await runtime.send_message_to_target(target, {"text": f"From {runtime.character.name}"})
            await runtime.stop()
    assert connections.sent == {"abc=": ["From Ada", "From Bob"], "def=": []}


@pytest.mark.spec("R13")
async def test_a_connection_that_is_gone_is_an_error_that_names_it(connections: ManagedConnections) -> None:
    settings = {"DATABASE_URL": "sqlite://", "WEBSOCKET_ENDPOINT": connections.endpoint}
    async with AgentRuntime(character={"name": "Ada"}, settings=settings) as runtime:
        with pytest.raises(TargetGone, match="'gone='"):
            await runtime.send_message_to_target({"source": "websocket", "channel_id": "gone="}, {"text": "Hello"})


@pytest.mark.parametrize(
    ("target", "text", "told"), [({}, "Hello", "channel_id"), ({"channel_id": "abc="}, "", "has no text")]
)
async def test_a_target_without_connection_and_a_content_without_text_are_refused(
    connections: ManagedConnections, target: dict[str, str], text: str, told: str
) -> None:
    connections.sent["abc="] = []
    settings = {"DATABASE_URL": "sqlite://", "WEBSOCKET_ENDPOINT": connections.endpoint}
    async with AgentRuntime(character={"name": "Ada"}, settings=settings) as runtime:
        with pytest.raises(TargetError, match=told):
            await runtime.send_message_to_target({"source": "websocket", **target}, {"text": text})
    assert connections.authorizations == []


async def test_without_an_endpoint_nothing_sends_there() -> None:
    async with AgentRuntime(character={"name": "Ada"}, settings={"DATABASE_URL": "sqlite://"}) as runtime:
        with pytest.raises(NoSendHandler, match="'websocket'"):
            await runtime.send_message_to_target({"source": "websocket", "channel_id": "abc="}, {"text": "Hello"})


async def test_an_agent_that_lists_the_plugin_is_told_what_is_missing() -> None:
    plugins: list[str | Plugin] = ["websocket"]
    runtime = AgentRuntime(character={"name": "Ada"}, plugins=plugins, settings={"DATABASE_URL": "sqlite://"})
    with pytest.raises(SettingsError, match="WEBSOCKET_ENDPOINT"):
        await runtime.initialize()
