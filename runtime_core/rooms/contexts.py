"""Contexts: topics that limit which actions and providers a turn uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime_core.domain.run import TurnContext

_KEY = "active_contexts"


def active_contexts(context: TurnContext | None, setting: Any) -> tuple[str, ...]:
    """Read the contexts of a turn.

    The room's metadata come first, then the world's, then the setting `ACTIVE_CONTEXTS`.

    Args:
        setting: Names, or one comma-separated text.

    Returns:
        Empty if none is set: then nothing is excluded.
    """
    places = (context.room, context.world) if context is not None else ()
    found = [each.metadata[_KEY] for each in places if each is not None and _KEY in each.metadata]
    return _parse_names(found[0] if found else setting)


def belongs(contexts: Sequence[str], active: Sequence[str]) -> bool:
    """Whether the contexts of a component match the active ones.

    An empty side matches everything.
    """
    return not contexts or not active or bool(set(contexts) & set(active))


def _parse_names(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return tuple(each.strip() for each in given.split(",") if each.strip())
    return tuple(str(each) for each in given) if isinstance(given, list | tuple) else ()
