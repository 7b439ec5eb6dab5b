"""Agent whose evaluators and tasks record their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.plugin_api import Evaluator, Plugin, TaskWorker

done: list[tuple[str, Any]] = []
heard: list[Callable[[], None]] = []
"""Called after each reminder."""


async def _look_back(_runtime: Any, message: Memory, _state: Any, responses: Sequence[Memory]) -> None:
    done.append(("evaluated", (message.content.text, [each.content.text for each in responses])))


async def _fail() -> None:
    raise ConnectionRefusedError("the kiln is cold")


async def _wait() -> None:
    await asyncio.Event().wait()


async def _remind(_runtime: Any, options: Mapping[str, Any], _task: Any) -> dict[str, Any]:
    done.append(("reminded", options.get("of")))
    for listener in heard:
        listener()
    return {"count": options.get("count", 0) + 1}


async def _init(_config: Any, runtime: Any) -> None:
    runtime.register_task_worker(TaskWorker(name="REMIND", execute=_remind))
    runtime.register_task_worker("BREAK", _fail)
    runtime.register_task_worker("WAIT", _wait)


plugin = Plugin(
    name="looking-back",
    init=_init,
    evaluators=(
        Evaluator(name="FAILS", handler=_fail),
        Evaluator(name="LOOKS_BACK", handler=_look_back),
    ),
)

AGENTS = [{"character": {"name": "Potter"}, "plugins": [plugin, "local"]}]
