"""ACTIONS: the available actions."""

from __future__ import annotations

from typing import Any

from runtime_core.agent.components import PromptPlace, Provider, ProviderResult
from runtime_core.domain.memory import Memory
from runtime_core.turn.planning import possible_actions
from runtime_core.turn.state import State


async def _get(runtime: Any, message: Memory, state: State) -> ProviderResult:
    possible = sorted(await possible_actions(runtime, message, state), key=lambda each: each.name)
    lines = [f"- {each.name}: {each.description}" for each in possible]
    return ProviderResult(
        text="# What you can do\n" + "\n".join(lines) if lines else "",
        values={"action_names": ", ".join(each.name for each in possible)},
        data={"actions": tuple(possible)},
    )


actions = Provider(
    name="ACTIONS",
    description="What the agent can do now",
    get=_get,
    position=-10,
    place=PromptPlace.TOOLS,
)
