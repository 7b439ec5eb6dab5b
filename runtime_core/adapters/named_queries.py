"""Reader of `queries.sql`: one file of named queries for each database engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def read_queries(path: Path) -> Mapping[str, str]:
    """Read a file of queries, each below a line `-- name: …`.

    Returns:
        The query by its name, without comment lines.
    """
    _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
