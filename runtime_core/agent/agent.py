"""Message-independent part of an agent, built once per process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any
from uuid import UUID

from runtime_core.agent.agent_settings import AgentSettings
from runtime_core.agent.default_plugins import default_plugins
from runtime_core.agent.plugin_loading import resolve_plugins
from runtime_core.agent.registry import Registry
from runtime_core.domain.character import Character
from runtime_core.domain.frozen import dataclass
from runtime_core.plugin_api import Plugin
from runtime_core.settings import Settings

DEFAULT_CONVERSATION_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent with its plugins resolved, ordered and registered.

    A runtime works on layers of `registry` and `settings`, so nothing here changes after `build`.

    Attributes:
        registry: The components of all plugins, in order.
        settings: The source of `get_setting`.
        deployment: The deployment's settings.
        made: Values that its runtimes made of the agent alone, such as the stable part of the prompt.
    """

    id: UUID
    character: Character
    registry: Registry
    settings: AgentSettings
    deployment: Settings
    made: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def plugins(self) -> Sequence[Plugin]:
        """Plugins in load order."""
        return self.registry.plugins

    @classmethod
    def build(
        cls,
        character: Character,
        plugins: Sequence[Plugin | str],
        settings: AgentSettings,
        *,
        agent_id: UUID | None = None,
        registry: Registry | None = None,
    ) -> Agent:
        """Resolve and order the plugins, and register their components.

        Args:
            plugins: In addition to the character's plugins and the default plugins.
            registry: Initial components; None starts empty.

        Raises:
            PluginError: A plugin is unknown, or the plugins cannot be ordered.
            DuplicateComponent: Two components have the same name.
            SettingsError: No model is configured.
        """
        given = resolve_plugins([*plugins, *character.plugins])
        ordered = resolve_plugins([*given, *default_plugins(given, settings.get, settings.deployment)])
        components = Registry() if registry is None else registry.layer()
        known = settings.layer()
        for plugin in ordered:
            components.add_plugin(plugin)
            known.allow(plugin.settings)
        return cls(
            id=agent_id or character.agent_id,
            character=character,
            registry=components,
            settings=known,
            deployment=settings.deployment,
        )


def conversation_length_of(character: Character, given: int | None) -> int:
    """Return the number of earlier messages in a state.

    `given` overrides the character's setting `conversation_length`; the default is 32.
    """
    if given is not None:
        return given
    return int(character.settings.get("conversation_length", DEFAULT_CONVERSATION_LENGTH))


def agent_settings(character: Character, settings: Settings | Mapping[str, Any] | None) -> AgentSettings:
    """Combine given settings with the character's and the environment's.

    Args:
        settings: The deployment's settings, or single values that override the environment's.
    """
    given = settings if isinstance(settings, Mapping) else {}
    deployment = settings if isinstance(settings, Settings) else _deployment_settings(given)
    return AgentSettings(given=given, character=character, deployment=deployment, environment=os.environ)


def _deployment_settings(given: Mapping[str, Any]) -> Settings:
    overlay = {key: str(value) for key, value in given.items() if key.lower() in Settings.model_fields}
    return Settings.from_environment({**os.environ, **overlay})
