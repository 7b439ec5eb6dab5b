"""ACTIONS: the available actions."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult, State
from runtime_core.plugin_api import Context, PromptPlace, Provider
from runtime_core.turn.act import possible_actions


async def _get(runtime: Context, message: Memory, state: State) -> ProviderResult:
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
