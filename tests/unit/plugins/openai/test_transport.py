"""The HTTP transport of a deployment."""

from __future__ import annotations

import asyncio

from runtime_core.plugins.openai.transport import open_transport


async def test_calls_that_wait_together_for_the_client_get_one() -> None:
    async with open_transport() as transport:
        clients = await asyncio.gather(*(transport.http() for _ in range(5)))
        assert len({id(each) for each in clients}) == 1, "another would never be closed"
