"""Settings of the command line."""

from __future__ import annotations

import os

from runtime_core.settings import Settings


def read_settings() -> Settings:
    """Read the settings from the environment variables."""
    return Settings.from_environment(os.environ)
