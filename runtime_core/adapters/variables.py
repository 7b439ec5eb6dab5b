"""Where the settings come from: the environment, and the secrets it names; the cloud client is imported on demand."""

from __future__ import annotations

from collections.abc import Mapping

from runtime_core.settings import Settings

SECRETS = ("DATABASE_SECRET_ARN", "OPENAI_SECRET_ARN")


async def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings; secrets named by ARN are read first.

    Raises:
        SettingsError: As `Settings.from_environment`, or a secret cannot be read; names the variable.
        StoreUnavailable: The store of the secrets did not answer.
    """
    if any(environment.get(name, "").strip() for name in SECRETS):
        from runtime_core.adapters.aws.secrets import with_secrets  # noqa: PLC0415 - loaded only when chosen

        environment = await with_secrets(environment)
    return Settings.from_environment(environment)
