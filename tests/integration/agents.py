"""Agents of the integration tests: one with actions, one without."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.character import Character
from runtime_core.domain.memory import Content
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.plugin_api import Action, Plugin


async def _weather(_runtime: Any, _message: Any, _state: Any, options: ActionOptions) -> ActionResult:
    city = options.parameters["city"]
    return ActionResult(text=f"{city}: 21 degrees", values={"city": city}, data={"celsius": 21})


async def _broken() -> None:
    raise ConnectionRefusedError("the kiln is cold")


async def _announce(_runtime: Any, _message: Any, _state: Any, options: ActionOptions, callback: Any) -> str:
    before = options.get_previous_result("WEATHER")
    await callback(Content(text=f"Announced: {before.data['celsius'] if before else 'nothing'}"))
    return "announced"


tools = Plugin(
    name="tools",
    actions=(
        Action(
            name="WEATHER",
            description="Look up the weather of a city.",
            handler=_weather,
            parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            similes=("FORECAST",),
        ),
        Action(name="KILN", description="Light the kiln.", handler=_broken),
        Action(name="ANNOUNCE", description="Tell everyone.", handler=_announce),
    ),
)

AGENTS = [
    {
        "character": Character(
            name="Potter",
            system="You help in a pottery.",
            bio=["Potter has thrown clay for thirty years.", "Potter likes plain bowls."],
        ),
        "plugins": [tools],
    },
    {"character": Character(name="Weaver", bio="Weaver makes cloth.")},
]
