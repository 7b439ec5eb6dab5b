"""Agents whose embedding model counts concurrent calls, and a broken agent."""

from __future__ import annotations

import asyncio
from typing import Any

from runtime_core.domain.chat import ModelType
from runtime_core.plugin_api import Plugin

HEALTHY = 6


class Counter:
    """Counter of concurrent calls; a call ends when the maximum is reached."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.awaited = 1
        self.full = asyncio.Event()

    async def embed(self) -> list[float]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == self.awaited:
            self.full.set()
        await self.full.wait()
        self.under_way -= 1
        return [1.0, 0.0]


counter = Counter()


async def _count(_runtime: Any, _params: Any) -> list[float]:
    return await counter.embed()


async def _break(_config: Any, _runtime: Any) -> None:
    raise ConnectionRefusedError("no kiln at all")


async def _write(_runtime: Any, _params: Any) -> str:
    return "Hello"


async def _register(_config: Any, runtime: Any) -> None:
    runtime.register_model(ModelType.TEXT_EMBEDDING, _count, provider="late")


MODEL = Plugin(name="counting", models={ModelType.TEXT_EMBEDDING: _count}, model_priority=100)
BROKEN = Plugin(name="broken", init=_break)
AGENTS = [
    *({"character": {"name": f"Agent {n}"}, "plugins": [MODEL]} for n in range(HEALTHY)),
    {"character": {"name": "Broken"}, "plugins": [MODEL, BROKEN]},
]

TEXT = Plugin(name="text", models={ModelType.TEXT_LARGE: _write, ModelType.TEXT_SMALL: _write})
EMBEDS = ["Declares", "Registers"]
SOME_EMBED = [
    {"character": {"name": "Broken"}, "plugins": [TEXT, BROKEN]},
    {"character": {"name": "Declares"}, "plugins": [TEXT, MODEL]},
    {"character": {"name": "Registers"}, "plugins": [TEXT, Plugin(name="late", init=_register)]},
    {"character": {"name": "Only writes"}, "plugins": [TEXT]},
]
