"""Settings of one runtime, as `get_setting` reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from runtime_core.domain.character import Character
from runtime_core.settings import Settings

ALLOWED_ENV = "ALLOWED_ENV"  # comma-separated names of additional variables that agents may read
_BOOLEANS = {"true": True, "false": False}
_MASK = "[redacted]"
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 4  # masking shorter values would redact parts of ordinary words


class AgentSettings:
    """Settings of one runtime; the first source with a value wins.

    Sources in order: constructor settings, the character's secrets, the character's settings, the deployment's
    settings and the allowed environment variables. 0, False and empty text are values.
    """

    def __init__(
        self, *, given: Mapping[str, Any], character: Character, deployment: Settings, environment: Mapping[str, str]
    ) -> None:
        self._given = dict(given)
        self._secret_names: set[str] = set()
        self._character = character
        self._deployment = deployment
        self._environment = environment
        self._allowed = {name.strip() for name in environment.get(ALLOWED_ENV, "").split(",") if name.strip()}

    @property
    def deployment(self) -> Settings:
        """Settings of the deployment."""
        return self._deployment

    def layer(self) -> AgentSettings:
        """Return an independent copy of these settings."""
        layer = AgentSettings.__new__(AgentSettings)
        layer._given = dict(self._given)
        layer._secret_names = set(self._secret_names)
        layer._character, layer._deployment = self._character, self._deployment
        layer._environment, layer._allowed = self._environment, set(self._allowed)
        return layer

    def allow(self, names: Iterable[str]) -> None:
        """Allow reading these environment variables, which plugins declare."""
        self._allowed.update(names)

    def get(self, key: str, default: Any = None) -> Any:
        for source in (self._given, self._character.secrets, self._character.settings):
            if source.get(key) is not None:
                return _plain(source[key])
        deployed = self._deployed(key)
        return default if deployed is None else _plain(deployed)

    def _deployed(self, key: str) -> Any:
        field = key.lower()
        if key.isupper() and field in Settings.model_fields:
            return getattr(self._deployment, field)
        return self._environment.get(key) if key in self._allowed else None

    def set(self, key: str, value: Any, *, secret: bool = False) -> None:
        """Set a value for this runtime; None removes it.

        Args:
            secret: Mask the value in log lines.
        """
        self._given[key] = value
        if secret:
            self._secret_names.add(key)

    def adopt(self, character: Character) -> None:
        """Replace the character whose settings and secrets are read."""
        self._character = character

    def redacted(self, text: str) -> str:
        """Return the text with every secret masked."""
        for secret in self._secrets():
            text = text.replace(secret, _MASK)
        return text

    def _secrets(self) -> Iterable[str]:
        held = [self._deployment.openai_api_key, *self._character.secrets.values()]
        held += [self._given.get(name) for name in self._secret_names]
        named = {**{name: self._environment.get(name) for name in self._allowed}, **self._given}
        held += [value for name, value in named.items() if _SECRET_NAME.search(name) and isinstance(value, str)]
        held += [urlsplit(self._deployment.database_url or "").password]
        shown = (each.get_secret_value() if isinstance(each, SecretStr) else each for each in held)
        secrets = {str(each) for each in shown if each and len(str(each)) >= _SHORTEST_SECRET}
        return sorted(secrets, key=len, reverse=True)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value
