"""The named queries of `queries.sql`."""

from __future__ import annotations

from pathlib import Path

_MARK = "-- name: "


def read_queries(path: Path) -> dict[str, str]:
    """Read a file of queries, each under a line `-- name: …`."""
    _, *parts = path.read_text(encoding="utf-8").split(_MARK)
    queries: dict[str, str] = {}
    for part in parts:
        name, _, text = part.partition("\n")
        queries[name.strip()] = text.strip()
    return queries


QUERIES = read_queries(Path(__file__).with_name("queries.sql"))
