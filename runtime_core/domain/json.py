"""Tolerant JSON parsing for texts that models write."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any, cast

from pydantic_core import from_json

_MAX_MISSES = 20  # braces without an object: each costs a scan of the remaining text


def json_objects(text: str) -> list[dict[str, Any]]:
    """Extract the outermost JSON objects of a text.

    Returns:
        The objects, including a truncated last one.
    """
    found: list[dict[str, Any]] = []
    decoder, position = JSONDecoder(), text.find("{")
    misses = 0
    while position >= 0 and misses < _MAX_MISSES:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            value, end = _repair(text[position:]), len(text)
            if value is None:
                end, misses = position + 1, misses + 1
        if isinstance(value, dict):
            found.append(cast("dict[str, Any]", value))
        position = text.find("{", end)
    return found


def _repair(text: str) -> object:
    """Parse a truncated object, or one with trailing commas.

    Returns:
        None if that fails.
    """
    closed = re.sub(r",\s*([}\]])", r"\1", text.strip().removesuffix("```").strip())
    try:
        return from_json(closed, allow_partial="trailing-strings")
    except ValueError:
        return None
