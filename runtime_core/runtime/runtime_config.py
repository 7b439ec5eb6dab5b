"""RuntimeConfig: the validated configuration of a runtime, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from runtime_core.agent.plugin_loading import resolve_plugins
from runtime_core.domain.character import Character, coerce_character
from runtime_core.domain.values import invalid_input
from runtime_core.errors import InvalidInput
from runtime_core.plugin_api import Plugin, Service


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class DatabaseConfig(_Part):
    """Database of a runtime; without a URL, the local default file."""

    url: str | None = None
    pooler: Literal["none", "transaction"] | None = None

    def settings(self) -> Mapping[str, Any]:
        return {"DATABASE_URL": self.url, "DATABASE_POOLER": self.pooler}


class ModelConfig(_Part):
    """Models and their access; omitted fields take the deployment's values."""

    text_small: str | None = None
    text_large: str | None = None
    embedding: str | None = None
    embedding_dimension: int | None = Field(default=None, ge=1)
    api_key: SecretStr | None = None
    base_url: str | None = None
    transport: Literal["wire", "sdk"] | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_retries: int | None = Field(default=None, ge=0)

    def settings(self) -> Mapping[str, Any]:
        return {
            "TEXT_SMALL_MODEL": self.text_small,
            "TEXT_LARGE_MODEL": self.text_large,
            "EMBEDDING_MODEL": self.embedding,
            "EMBEDDING_DIMENSION": self.embedding_dimension,
            "OPENAI_API_KEY": self.api_key.get_secret_value() if self.api_key else None,
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_TRANSPORT": self.transport,
            "MODEL_TIMEOUT_S": self.timeout_s,
            "MODEL_MAX_RETRIES": self.max_retries,
        }


class ServiceConfig(_Part):
    """Selection of the plugins' services to start."""

    leave_out: tuple[str, ...] = ()

    def keeps(self, kind: type[Service]) -> bool:
        return not {str(kind.service_type), kind.name, kind.__name__} & set(self.leave_out)


class EnvironmentConfig(_Part):
    """Settings of the process, and any other setting by name."""

    environment: Literal["development", "production"] | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None
    api_port: int | None = Field(default=None, ge=0, le=65535)
    agent_id: UUID | None = None
    settings: Mapping[str, Any] = {}

    def all_settings(self) -> Mapping[str, Any]:
        named = {"ENVIRONMENT": self.environment, "LOG_LEVEL": self.log_level, "API_PORT": self.api_port}
        return {**self.settings, **named}


class RuntimeConfig(_Part):
    """Configuration for `AgentRuntime.from_config`.

    Attributes:
        character: A `Character`, or a dict as in a character file.
        plugins: `Plugin` values, or names.
        services: Applies to the services of all plugins, including the built-in ones.
    """

    # `Any`: pydantic would validate a plugin's own fields; the validators below narrow it.
    character: Any
    plugins: Any = ()
    database: DatabaseConfig = DatabaseConfig()
    models: ModelConfig = ModelConfig()
    services: ServiceConfig = ServiceConfig()
    environment: EnvironmentConfig = EnvironmentConfig()

    @field_validator("character")
    @classmethod
    def _read_character(cls, value: object) -> Character:
        if not isinstance(value, Character | Mapping):
            raise ValueError(f"expected a character, got a {type(value).__name__}")
        return coerce_character(value)

    @field_validator("plugins")
    @classmethod
    def _read_plugins(cls, value: object) -> tuple[Plugin | str, ...]:
        given = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if wrong := [each for each in given if not isinstance(each, Plugin | str)]:
            raise ValueError(f"expected a list of plugins and names of plugins, found {wrong[0]!r}")
        return given

    def runtime_arguments(self) -> Mapping[str, Any]:
        """Return the keyword arguments for `AgentRuntime`."""
        parts = (self.environment.all_settings(), self.database.settings(), self.models.settings())
        settings = {key: value for part in parts for key, value in part.items() if value is not None}
        return {
            "character": replace(self.character, plugins=()) if self.services.leave_out else self.character,
            "plugins": self._chosen_plugins() if self.services.leave_out else self.plugins,
            "agent_id": self.environment.agent_id,
            "settings": settings,
        }

    def _chosen_plugins(self) -> tuple[Plugin, ...]:
        """Return the plugins, always with `bootstrap`, without the excluded services."""
        wanted = resolve_plugins([*self.plugins, *self.character.plugins, "bootstrap"])
        return tuple(
            replace(plugin, services=tuple(kind for kind in plugin.services if self.services.keeps(kind)))
            for plugin in wanted
        )


def read_runtime_config(value: RuntimeConfig | Mapping[str, Any]) -> RuntimeConfig:
    """Return a configuration as is, or build it from a dict.

    Raises:
        InvalidInput: A field is invalid; names the first, and the number of further ones.
        InvalidCharacter: The character is invalid.
    """
    if isinstance(value, RuntimeConfig):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected a dict, got a {type(value).__name__}", path="config")
    try:
        return RuntimeConfig(**value)
    except ValidationError as error:
        raise invalid_input(error, name="config") from error
