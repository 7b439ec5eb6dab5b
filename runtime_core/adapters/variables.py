"""Settings from the environment and from the secrets it names."""

from __future__ import annotations

from collections.abc import Mapping

from runtime_core.settings import Settings


async def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings: check every variable, then fetch the secrets named by ARN.

    A variable that is set overrides its secret, which is then not fetched.

    Raises:
        SettingsError: As `Settings.from_environment`, or a secret is not readable; names the variable.
        StoreUnavailable: Secrets Manager did not answer.
    """
    settings = Settings.from_environment(environment)
    wants_url = settings.database_secret_arn is not None and settings.database_url is None
    wants_key = settings.openai_secret_arn is not None and settings.openai_api_key is None
    if not wants_url and not wants_key:
        return settings
    from runtime_core.adapters.aws.secrets import with_secrets  # noqa: PLC0415 - loaded only when chosen

    return await with_secrets(settings, environment)
