"""Configuration: the configuration object, environment variables, settings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from runtime_core import (
    AgentRuntime,
    Character,
    InvalidInput,
    Plugin,
    RuntimeConfig,
    Settings,
    SettingsError,
    get_openai_plugin,
)


@pytest.mark.example("Runtime Configuration")
@pytest.mark.spec("R20")
async def test_runtime_configuration(database_url: str) -> None:
    config = RuntimeConfig(
        character=Character(name="Assistant"),
        plugins=(get_openai_plugin(),),
        database={"url": database_url},
        models={"text_large": "large-1", "max_retries": 0},
        services={"leave_out": ["EMBEDDING"]},
        environment={"log_level": "WARNING", "settings": {"FEATURE_FLAG": True}},
    )
    async with AgentRuntime.from_config(config) as runtime:
        assert runtime.settings.database_url == database_url
        assert runtime.get_setting("TEXT_LARGE_MODEL") == "large-1"
        assert runtime.settings.model_max_retries == 0
        assert runtime.settings.log_level == "WARNING"
        assert runtime.get_setting("FEATURE_FLAG") is True
        assert not runtime.has_service("EMBEDDING")
        assert runtime.get_service("DATABASE") is not None
        assert await runtime.use_model("TEXT_LARGE", {"prompt": "Hello!"}) == "You said: Hello!"


@pytest.mark.spec("R20")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "config.character: is required"),
        ({"character": {"name": "A"}, "colour": "red"}, "config.colour: is not a known field"),
        ({"character": {"name": "A"}, "models": {"timeout_s": -1}}, "config.models.timeout_s: .*greater than 0"),
        ({"character": {"name": "A"}, "plugins": [7]}, "config.plugins: expected a list of plugins"),
        ({"character": {"name": "A"}, "database": {"pooler": "x"}}, "config.database.pooler"),
        (7, "config: expected a dict, got a int"),
    ],
)
def test_a_wrong_configuration_says_what_and_where(wrong: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        AgentRuntime.from_config(wrong)


@pytest.mark.example("Environment Variables")
@pytest.mark.spec("R10")
def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_ENV", "production")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/mayfly")
    monkeypatch.setenv("API_PORT", "8080")
    monkeypatch.setenv("AGENT_ID", "a94a8fe5-ccb1-0ba6-9c4c-0873d391e987")

    settings = AgentRuntime(character={"name": "Ada"}).settings

    assert (settings.environment, settings.log_level) == ("production", "DEBUG")
    assert (settings.database_url, settings.api_port) == ("postgresql://db/mayfly", 8080)
    assert settings.agent_id == UUID("a94a8fe5-ccb1-0ba6-9c4c-0873d391e987")
    monkeypatch.setenv("API_PORT", "many")
    with pytest.raises(SettingsError, match="API_PORT is 'many'"):
        AgentRuntime(character={"name": "Ada"})
    assert Settings.from_environment({}).environment == "development"


@pytest.mark.example("Settings Management")
@pytest.mark.spec("R10")
async def test_settings_management(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "from-the-environment")
    monkeypatch.setenv("PRIVATE", "of the process alone")
    plugin = Plugin(name="weather", settings=("API_KEY",))
    character = {"name": "Ada", "settings": {"FEATURE_FLAG": "false", "RETRIES": 0}}
    async with AgentRuntime(character=character, plugins=[plugin]) as runtime:
        # Get setting with fallback
        api_key = runtime.get_setting("API_KEY")

        # Check if setting exists
        if runtime.has_setting("FEATURE_FLAG"):
            # Feature is set
            assert runtime.get_setting("FEATURE_FLAG") is False

        assert api_key == "from-the-environment"
        assert runtime.get_setting("MISSING", "fallback") == "fallback"
        assert (runtime.get_setting("RETRIES", 5), runtime.has_setting("RETRIES")) == (0, True)
        assert not runtime.has_setting("PRIVATE"), "only what is allowed is read from the environment"
