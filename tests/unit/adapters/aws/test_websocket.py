"""Channel to WebSocket connections, over the protocol of API Gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from runtime_core.adapters.aws.websocket import WebSocketChannel
from runtime_core.errors import TargetError, TargetGone, TargetUnavailable
from tests.connections import ManagedConnections, managed_connections
from tests.queues import CREDENTIALS

CONNECTION = "L0SM9cOFvHcCIhw="  # as API Gateway names them


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def connections() -> Iterator[ManagedConnections]:
    with managed_connections() as connections:
        connections.sent[CONNECTION] = []
        yield connections


@pytest.fixture
async def channel(connections: ManagedConnections) -> AsyncIterator[WebSocketChannel]:
    channel = WebSocketChannel(connections.endpoint)
    yield channel
    await channel.close()


async def test_text_reaches_the_connection_signed_for_its_service(
    channel: WebSocketChannel, connections: ManagedConnections
) -> None:
    await channel.send(CONNECTION, "Ça va, Zoë? 🪰")
    await channel.send(CONNECTION, "Second")
    assert connections.sent[CONNECTION] == ["Ça va, Zoë? 🪰", "Second"]
    assert "/execute-api/aws4_request" in connections.authorizations[0]


async def test_a_connection_that_is_gone_is_named(channel: WebSocketChannel) -> None:
    with pytest.raises(TargetGone, match="'closed=' is closed") as caught:
        await channel.send("closed=", "Hello")
    assert caught.value.retryable is False


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (403, TargetError, "execute-api:ManageConnections"),
        (413, TargetError, "128 KiB"),
        (429, TargetUnavailable, "429"),
        (500, TargetUnavailable, "500"),
    ],
)
async def test_what_is_not_taken_is_named_with_why(
    channel: WebSocketChannel, connections: ManagedConnections, status: int, kind: type[TargetError], told: str
) -> None:
    connections.status = status
    with pytest.raises(kind, match=told) as caught:
        await channel.send(CONNECTION, "Hello")
    assert CONNECTION in str(caught.value)
    assert caught.value.retryable is (kind is TargetUnavailable)


async def test_nobody_listening_may_be_tried_again() -> None:
    channel = WebSocketChannel("http://127.0.0.1:1/live")
    with pytest.raises(TargetUnavailable, match=CONNECTION):
        await channel.send(CONNECTION, "Hello")
    await channel.close()


async def test_a_closed_channel_opens_again(channel: WebSocketChannel, connections: ManagedConnections) -> None:
    await channel.send(CONNECTION, "One")
    await channel.close()
    await channel.send(CONNECTION, "Two")
    assert connections.sent[CONNECTION] == ["One", "Two"]
