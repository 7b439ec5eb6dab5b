"""SETTINGS: the settings of the world, shown to owners and admins."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider
from runtime_core.plugins.bootstrap.world_settings import WorldSetting, read_settings
from runtime_core.rooms.roles import MANAGERS, find_role


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    context = runtime.turn_context()
    world = context.world if context is not None else None
    if find_role(world, message.entity_id) not in MANAGERS:
        return ProviderResult()
    known = read_settings(world)
    text = "# Settings of this world (UPDATE_SETTINGS)\n" + "\n".join(_format_line(each) for each in known)
    missing = tuple(each.key for each in known if each.required and not each.is_set)
    return ProviderResult(text=text if known else "", data={"missing": missing})


def _format_line(setting: WorldSetting) -> str:
    name = f" ({setting.name})" if setting.name != setting.key else ""
    about = f" {setting.description}" if setting.description else ""
    return f"- {setting.key}{name}: {setting.shown_value}.{about}"


settings = Provider(name="SETTINGS", description="The settings of this world", get=_get, position=40)
