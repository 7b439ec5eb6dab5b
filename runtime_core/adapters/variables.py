"""Where the settings come from: the environment, and the secrets it names; the cloud client is imported on demand."""

from __future__ import annotations

from collections.abc import Mapping

from runtime_core.settings import Settings


async def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings: every variable is checked first, then the secrets named by ARN are read.

    A variable that is set itself wins over its secret, which is then not read.

    Raises:
        SettingsError: As `Settings.from_environment`, or a secret cannot be read; names the variable.
        StoreUnavailable: The store of the secrets did not answer.
    """
    settings = Settings.from_environment(environment)
    wants_url = settings.database_secret_arn is not None and settings.database_url is None
    wants_key = settings.openai_secret_arn is not None and settings.openai_api_key is None
    if not wants_url and not wants_key:
        return settings
    from runtime_core.adapters.aws.secrets import with_secrets  # noqa: PLC0415 - loaded only when chosen

    return await with_secrets(settings, environment)
