"""Contexts: what a conversation is about, so that actions and providers of other matters stay out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime_core.domain.run import TurnContext

_KEY = "active_contexts"


def active_contexts(context: TurnContext | None, setting: Any) -> tuple[str, ...]:
    """The contexts of a turn: the room's metadata says them, else the world's, else the setting `ACTIVE_CONTEXTS`.

    Args:
        setting: Names, or one text with commas between them.

    Returns:
        Empty where nobody says any: then nothing is left out.
    """
    places = (context.room, context.world) if context is not None else ()
    said = [each.metadata[_KEY] for each in places if each is not None and _KEY in each.metadata]
    return _names(said[0] if said else setting)


def belongs(contexts: Sequence[str], active: Sequence[str]) -> bool:
    """Whether what is bound to `contexts` has a place where `active` are; either being empty is no bond."""
    return not contexts or not active or bool(set(contexts) & set(active))


def _names(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return tuple(each.strip() for each in given.split(",") if each.strip())
    return tuple(str(each) for each in given) if isinstance(given, list | tuple) else ()
