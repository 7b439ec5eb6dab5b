"""JSON as models write it: somewhere in a text, cut off, or with a comma too many."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

from pydantic_core import from_json

_MOST_MISSES = 20  # braces that open nothing: each costs a look at the whole rest


def json_objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a text, outermost only; the last may be cut off."""
    found: list[dict[str, Any]] = []
    decoder, position = JSONDecoder(), text.find("{")
    misses = 0
    while position >= 0 and misses < _MOST_MISSES:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            value, end = _cut(text[position:]), len(text)
            if value is None:
                end, misses = position + 1, misses + 1
        if isinstance(value, dict):
            found.append(value)
        position = text.find("{", end)
    return found


def _cut(text: str) -> object:
    """An object that ends too early, or has a comma too many at its end."""
    closed = re.sub(r",\s*([}\]])", r"\1", text.strip().removesuffix("```").strip())
    try:
        return from_json(closed, allow_partial="trailing-strings")
    except ValueError:
        return None
