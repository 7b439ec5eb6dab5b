"""Default plugins: the bootstrap components and a fallback model provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from runtime_core.domain.chat import ModelType
from runtime_core.errors import SettingsError
from runtime_core.plugin_api import Plugin
from runtime_core.settings import OPENAI_BASE_URL, Settings

log = logging.getLogger("mayfly")


def default_plugins(given: Sequence[Plugin], setting: Callable[[str], Any], settings: Settings) -> list[str]:
    """Return the names of the plugins to add to the given ones.

    Raises:
        SettingsError: On Lambda, no model plugin, `OPENAI_API_KEY` or `OPENAI_BASE_URL` is configured.
    """
    names = ["bootstrap", *(["websocket"] if settings.websocket_endpoint else [])]
    if any(ModelType.TEXT_LARGE in plugin.models for plugin in given):
        return names
    if setting("OPENAI_API_KEY") or setting("OPENAI_BASE_URL") != OPENAI_BASE_URL:
        return [*names, "openai"]
    if settings.on_lambda:
        raise SettingsError(
            "OPENAI_API_KEY is not set, and no plugin provides a model: set OPENAI_SECRET_ARN or OPENAI_API_KEY, or "
            "add the plugin 'local' to the agent to answer without a model",
            name="OPENAI_API_KEY",
        )
    _warn_once()
    return [*names, "local"]


@cache
def _warn_once() -> None:
    log.warning("OPENAI_API_KEY is not set: the rule-based plugin 'local' answers, without a language model")
