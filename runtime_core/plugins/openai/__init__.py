"""The plugin of OpenAI-compatible providers."""

from runtime_core.plugins.openai.check import check_key
from runtime_core.plugins.openai.plugin import get_openai_plugin

__all__ = ["check_key", "get_openai_plugin"]
