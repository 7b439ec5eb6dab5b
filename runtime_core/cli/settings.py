"""The settings of the command line: the environment's, as everywhere."""

from __future__ import annotations

import os

from runtime_core.settings import Settings


def read_settings() -> Settings:
    """Read the settings from the process's environment."""
    return Settings.from_environment(os.environ)
