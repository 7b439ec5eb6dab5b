"""Configuration of an agent for an orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from runtime_core.domain.character import Character, coerce_character, load_character
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import InvalidInput
from runtime_core.plugin_api import AgentInit, Plugin
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Configuration of one agent.

    Attributes:
        init: Called with the runtime at its initialization.
        database_adapter: Used as is: never opened twice, never closed.
    """

    character: Character
    plugins: tuple[Plugin | str, ...] = ()
    settings: Settings | Mapping[str, Any] | None = None
    init: AgentInit | None = None
    database_adapter: DatabaseAdapter | None = None

    @property
    def agent_id(self) -> UUID:
        return self.character.agent_id


AnyAgent: TypeAlias = AgentConfig | Mapping[str, Any]
_CONFIG_FIELDS = tuple(each.name for each in fields(AgentConfig))


def coerce_agent(value: AnyAgent) -> AgentConfig:
    """Return a configuration as is, or build it from a dict.

    The caller's dict and lists are not modified.

    Raises:
        InvalidInput: The character is missing, or a field is unknown.
    """
    if isinstance(value, AgentConfig):
        return value
    if unknown := value.keys() - set(_CONFIG_FIELDS):
        raise InvalidInput(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_CONFIG_FIELDS)}", path="agent")
    if "character" not in value:
        raise InvalidInput("is required", path="agent.character")
    character = value["character"]
    return AgentConfig(
        character=load_character(character) if isinstance(character, Path) else coerce_character(character),
        plugins=tuple(value.get("plugins") or ()),
        settings=value.get("settings"),
        init=value.get("init"),
        database_adapter=value.get("database_adapter"),
    )
