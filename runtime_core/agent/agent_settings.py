"""Settings of one runtime, as `get_setting` reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from runtime_core.domain.character import Character
from runtime_core.settings import Settings

ALLOWED_ENV = "ALLOWED_ENV"  # comma-separated names of further variables that agents may read
_DEPLOYMENT = frozenset(Settings.model_fields)
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
        self._sampling: dict[str, Mapping[str, int | float]] = {}
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
        layer._character, layer._deployment, layer._sampling = self._character, self._deployment, self._sampling
        layer._environment, layer._allowed = self._environment, set(self._allowed)
        return layer

    def allow(self, names: Iterable[str]) -> None:
        """Allow reading these environment variables, which plugins declare."""
        self._allowed.update(names)
        self._sampling = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Get a setting; None counts as unset."""
        value = self._given.get(key)
        if value is None:
            value = self._character.secrets.get(key)
        if value is None:
            value = self._character.settings.get(key)
        if value is None:
            name = key.lower()
            if name in _DEPLOYMENT and key.isupper():
                value = getattr(self._deployment, name)
            elif key in self._allowed:
                value = self._environment.get(key)
        if isinstance(value, str):
            return _BOOLEANS.get(value.lower(), value)
        if value is None:
            return default
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    def sampling(self, model_type: str) -> Mapping[str, int | float]:
        """Return a model type's defaults, such as `temperature`: `TEXT_LARGE_TEMPERATURE` before `DEFAULT_TEMPERATURE`.

        Read once, and again after a change of these settings.
        """
        if model_type not in self._sampling:
            self._sampling[model_type] = self._read_sampling(model_type)
        return self._sampling[model_type]

    def _read_sampling(self, model_type: str) -> Mapping[str, int | float]:
        defaults: dict[str, int | float] = {}
        for name in ("temperature", "max_tokens", "frequency_penalty", "presence_penalty"):
            value = self.get(f"{model_type}_{name.upper()}", self.get(f"DEFAULT_{name.upper()}"))
            if value is not None:
                defaults[name] = int(value) if name == "max_tokens" else float(value)
        return defaults

    def set(self, key: str, value: Any, *, secret: bool = False) -> None:
        """Set a value for this runtime; None removes it.

        Args:
            secret: Mask the value in log lines.
        """
        self._given[key] = value
        self._sampling = {}
        if secret:
            self._secret_names.add(key)

    def adopt(self, character: Character) -> None:
        """Replace the character whose settings and secrets are read."""
        self._character = character
        self._sampling = {}

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
