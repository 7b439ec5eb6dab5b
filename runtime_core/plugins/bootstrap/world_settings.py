"""The settings that a world's owner makes with the agent: kept in the world's metadata, each with what it means.

`metadata["settings"]` is a mapping of key → `{"name", "description", "value", "required", "secret", "type"}`;
all but the key may be missing.
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
    """One setting of a world; `type` is a JSON schema's."""

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
        """The value in a text for the model; a secret's never is."""
        if not self.is_set:
            return "not set, and needed" if self.required else "not set"
        return _HIDDEN if self.secret else str(self.value)


def settings_of(world: World | None) -> list[WorldSetting]:
    """A world's settings, in their order."""
    given = world.metadata.get("settings") if world is not None else None
    return [_setting(str(key), each) for key, each in given.items()] if isinstance(given, Mapping) else []


def _setting(key: str, given: Any) -> WorldSetting:
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
    """The world with another value for one of its settings.

    Raises:
        ActionError: The world has no such setting.
        InvalidInput: The value is of the wrong type.
    """
    known = {each.key: each for each in settings_of(world)}
    if key not in known:
        raise ActionError(f"there is no setting {key!r}; there are {', '.join(known)}", action="UPDATE_SETTINGS")
    value = check_arguments({"type": known[key].type}, value, path=key)
    given = world.metadata["settings"]
    kept = {**given[key], "value": value} if isinstance(given[key], Mapping) else value
    return replace(world, metadata={**world.metadata, "settings": {**given, key: kept}})
