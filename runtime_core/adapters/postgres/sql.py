"""The named statements of `queries.sql`, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


@cache
def statements() -> Mapping[str, str]:
    """Statement by name, without its comments."""
    text = Path(__file__).with_name("queries.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def statement(name: str) -> str:
    """One of the statements; an unknown name is a defect."""
    return statements()[name]
