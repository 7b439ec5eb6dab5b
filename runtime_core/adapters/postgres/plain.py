"""A statement in one message, for connections behind a transaction-mode pooler.

A prepared statement takes two messages, and between them the pooler may give the server connection to somebody
else: then the statement is gone, or, worse, the second message runs the statement that the other one prepared
there. `COPY (…) TO STDOUT` with the values written into it is one message, one round trip, and gives a value back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from runtime_core.errors import InvalidRecord

_PLACE = re.compile(r"\$(\d+)")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


async def fetch_plain(connection: asyncpg.Connection, query: str, values: Sequence[object]) -> str | None:
    """Run a statement of one column and return the first row's, as text."""
    written = _PLACE.sub(lambda place: literal(values[int(place[1]) - 1]), query)
    parts: list[bytes] = []

    async def keep(data: bytes) -> None:
        parts.append(bytes(data))

    await connection.copy_from_query(written, output=keep)
    return _first_row(b"".join(parts))


def literal(value: object) -> str:
    """Write a value into a statement; the same on servers with any `standard_conforming_strings`."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, UUID):
        return f"'{value}'::uuid"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'::timestamptz"
    if isinstance(value, str):
        if "\x00" in value:
            raise InvalidRecord("Postgres keeps no NUL characters")
        return " E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, list | tuple):
        return f"array[{', '.join(literal(each) for each in value)}]"
    raise TypeError(f"no way to write a {type(value).__name__} into a statement")


def _first_row(rows: bytes) -> str | None:
    row, _, _ = rows.partition(b"\n")  # a line end inside the value is escaped
    if not rows or row == rb"\N":
        return None
    return _ESCAPE.sub(lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), row).decode()
