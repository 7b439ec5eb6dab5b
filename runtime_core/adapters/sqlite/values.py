"""Conversion between values and columns.

Ids and times are stored as text, nested values as JSON.
"""

from __future__ import annotations

import collections.abc
import re
from array import array
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic_core import from_json

from runtime_core.adapters.vectors import check_vector
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Memory
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import InvalidInput, InvalidRecord, StoreError

T = TypeVar("T")

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # an escaped NUL, not the six literal characters
_RENAMED = {"table": "table_name"}  # TABLE is a reserved word


def as_text(time: datetime) -> str:
    """Write a time as text that sorts by time."""
    if time.tzinfo is None:
        raise InvalidRecord(f"the time {time.isoformat()} has no time zone")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def as_json(value: object) -> str:
    """Write a nested value.

    Raises:
        InvalidInput: JSON cannot represent the value.
        InvalidRecord: The value contains a NUL character.
    """
    text = encode_json(value)
    if _NUL.search(text):
        raise InvalidRecord("contains a NUL character")
    return text


def as_plain_text(value: str) -> str:
    """Check a text that is stored unchanged.

    Raises:
        InvalidRecord: The text contains a NUL character or half of a surrogate pair, which no database stores.
    """
    if "\x00" in value:
        raise InvalidRecord("contains a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRecord(f"not valid Unicode: {error}") from error
    return value


def as_column(value: object) -> str | int | float | None:
    """Write a field's value as a column value."""
    if value is None or isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return as_text(value)
    if isinstance(value, Enum):
        return str(value.value)
    return as_plain_text(value) if isinstance(value, str) else as_json(value)


def as_columns(value: object) -> dict[str, str | int | float | None]:
    """Write the fields of a dataclass as values keyed by column name."""
    columns = shape(type(value)).columns
    return {name: as_column(getattr(value, name if name != "table_name" else "table")) for name in columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Mapping of a dataclass to table columns.

    Attributes:
        columns: Column names in field order, without a memory's embedding, which has its own table.
        nested: Columns that hold JSON.
        lists: Columns that hold a JSON list.
    """

    columns: tuple[str, ...]
    nested: frozenset[str]
    lists: frozenset[str]


_shapes: dict[Any, Shape] = {}


def shape(kind: Any) -> Shape:
    """Return the shape of a dataclass; cached."""
    if kind not in _shapes:
        hints = get_type_hints(kind)
        names = [each.name for each in fields(kind) if kind is not Memory or each.name != "embedding"]
        _shapes[kind] = Shape(
            columns=tuple(_RENAMED.get(name, name) for name in names),
            nested=frozenset(name for name in names if _is_nested(hints[name])),
            lists=frozenset(name for name in names if get_origin(hints[name]) is tuple),
        )
    return _shapes[kind]


def as_fields(kind: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Read a row as the fields of a dataclass.

    Columns that are not fields are left out.
    """
    nested = shape(kind).nested
    return {
        each.name: _field(row[column], each.name in nested)
        for each in fields(kind)
        if (column := _RENAMED.get(each.name, each.name)) in row
    }


def read(kind: type[T], row: Mapping[str, Any]) -> T:
    """Read a row as a dataclass."""
    return build(kind, as_fields(kind, row))


def build(kind: type[T], given: Mapping[str, Any]) -> T:
    """Build a dataclass from stored fields.

    Raises:
        StoreError: A field is malformed. For stored data this is not `InvalidInput`.
    """
    try:
        return coerce(kind, given, name=kind.__name__)
    except InvalidInput as error:
        raise StoreError(f"a stored row is malformed: {error}") from error


def as_vector(values: tuple[float, ...]) -> bytes:
    """Write a vector in the format of sqlite-vec.

    Raises:
        InvalidRecord: The vector is empty, or one of its numbers is not finite.
    """
    check_vector(values)
    return array("f", values).tobytes()


def from_vector(blob: bytes) -> tuple[float, ...]:
    """Read a vector in the format of sqlite-vec."""
    values = array("f")
    values.frombytes(blob)
    return tuple(values)


def _field(value: Any, is_nested: bool) -> Any:
    return from_json(value) if is_nested and value is not None else value


def _is_nested(hint: Any) -> bool:
    kinds = (hint, *get_args(hint))
    return any(get_origin(kind) in {tuple, collections.abc.Mapping} or is_dataclass(kind) for kind in kinds)
