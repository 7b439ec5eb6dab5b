"""Settings of a world, configured by talking to the agent.

The world's `metadata["settings"]` map each key to `{"name", "description", "value", "required", "secret", "type"}`;
all of these fields are optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.world import World
from runtime_core.errors import ActionError
from runtime_core.turn.parameters import check_arguments

_HIDDEN = "set, not shown"
_TYPES = frozenset({"string", "number", "integer", "boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSetting:
    """One setting of a world; `type` is a JSON Schema type."""

    key: str
    name: str
    description: str = ""
    value: Any = None
    required: bool = False
    secret: bool = False
    type: str = "string"

    @property
    def is_set(self) -> bool:
        return self.value is not None

    @property
    def shown_value(self) -> str:
        """The value for texts that the model reads; hides secrets."""
        if not self.is_set:
            return "not set, and needed" if self.required else "not set"
        return _HIDDEN if self.secret else str(self.value)


def read_settings(world: World | None) -> list[WorldSetting]:
    """Read a world's settings, in order."""
    given = world.metadata.get("settings") if world is not None else None
    return [_read_setting(str(key), each) for key, each in given.items()] if isinstance(given, Mapping) else []


def _read_setting(key: str, given: Any) -> WorldSetting:
    if not isinstance(given, Mapping):
        return WorldSetting(key=key, name=key, value=given)
    kind = given.get("type")
    return WorldSetting(
        key=key,
        name=str(given.get("name") or key),
        description=str(given.get("description") or ""),
        value=given.get("value"),
        required=bool(given.get("required")),
        secret=bool(given.get("secret")),
        type=kind if isinstance(kind, str) and kind in _TYPES else "string",
    )


def with_setting(world: World, key: str, value: Any) -> World:
    """Return the world with a changed value of a setting.

    Raises:
        ActionError: The setting does not exist.
        InvalidInput: The value has the wrong type.
    """
    known = {each.key: each for each in read_settings(world)}
    if key not in known:
        raise ActionError(
            f"setting {key!r} does not exist: the settings are {', '.join(known)}", action="UPDATE_SETTINGS"
        )
    value = check_arguments({"type": known[key].type}, value, path=key)
    given = world.metadata["settings"]
    kept = {**given[key], "value": value} if isinstance(given[key], Mapping) else value
    return replace(world, metadata={**world.metadata, "settings": {**given, key: kept}})
