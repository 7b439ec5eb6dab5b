"""Conversion of the database's JSON rows to values.

Rows are trusted, because this package wrote them: a pydantic validator for the result of a claim takes about 24 ms of
a cold start to build, longer than the claim takes on the wire. The reader of a type is built from its annotations on
first use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import AwareDatetime
from pydantic_core import from_json

T = TypeVar("T")
Reader = Callable[[Any], Any]


def read_json(kind: type[T], text: str | bytes) -> T:
    """Read a value of `kind` from a JSON row.

    Unknown keys are ignored: newer schemas may have more columns.

    Raises:
        KeyError, TypeError, ValueError: The row does not fit `kind`, which is a defect of this package.
    """
    return cast(T, _find_reader(cast(Any, kind))(from_json(text)))


def _read_plain(value: Any) -> Any:
    return value


def _read_time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


_PLAIN: Mapping[Any, Reader] = {
    UUID: UUID,
    datetime: _read_time,
    AwareDatetime: _read_time,
    float: float,
    int: int,
    str: _read_plain,
    bool: _read_plain,
    object: _read_plain,
    Any: _read_plain,
}


@cache
def _find_reader(kind: Any) -> Reader:
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _make_optional_reader(kind, arguments)
    if origin in (tuple, list):
        return _make_sequence_reader(origin, arguments[0])
    if isinstance(kind, type) and is_dataclass(kind):
        return _make_dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(origin or kind, type) and issubclass(origin or kind, Mapping | dict):
        return _read_plain
    raise TypeError(f"cannot read rows of {kind!r}")


def _make_optional_reader(kind: Any, arguments: tuple[Any, ...]) -> Reader:
    inner = [each for each in arguments if each is not NoneType]
    if len(inner) != 1 or len(arguments) != 2:
        raise TypeError(f"cannot read rows of {kind!r}: a union may hold one type and None")
    read = _find_reader(inner[0])
    return lambda value: None if value is None else read(value)


def _make_sequence_reader(kind: type, item: Any) -> Reader:
    read = _find_reader(item)
    if read is _read_plain:
        return kind
    return lambda values: kind([read(each) for each in values])


def _make_dataclass_reader(kind: type) -> Reader:
    hints = get_type_hints(kind)
    plain: list[tuple[str, Reader]] = []
    read: list[tuple[str, Reader]] = []
    for each in fields(kind):
        reader = _find_reader(hints[each.name])
        (plain if reader is _read_plain else read).append((each.name, reader))
    names = [name for name, _ in plain]

    def read_row(row: Mapping[str, Any]) -> Any:
        given = {name: row[name] for name in names if name in row}
        for name, reader in read:
            if name in row:
                given[name] = reader(row[name])
        return kind(**given)

    return read_row
