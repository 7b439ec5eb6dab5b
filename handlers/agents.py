"""Agents of this deployment; the first answers messages that name none."""

from pathlib import Path

_CHARACTERS = Path(__file__).parent / "characters"

# Each agent is a dict with `character` (a character file, a dict, or a `Character`) and optionally
# `plugins` (names or `Plugin` values), `settings`, `init`, `database_adapter`.
AGENTS = [
    {"character": _CHARACTERS / "ada.json"},
]
