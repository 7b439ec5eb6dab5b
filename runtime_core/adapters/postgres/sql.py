"""Named queries of the Postgres adapter."""

from __future__ import annotations

from pathlib import Path

from runtime_core.adapters.named_queries import read_queries

QUERIES = read_queries(Path(__file__).with_name("queries.sql"))
