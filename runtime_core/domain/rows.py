"""Rows from JSON that this package wrote itself, as values.

pydantic checks what comes from outside; here nothing needs checking, and a validator for all that a turn's claim
holds takes longer to build than the claim takes on the wire (some 24 ms of a cold start). Each type's reader is made
from its annotations when the first row of it comes.
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
    """Read a value of `kind`; keys that it does not know are left out: a newer schema may have more columns.

    Raises:
        KeyError, TypeError, ValueError: It is no such value, which is a defect and not bad input.
    """
    return cast(T, _reader(cast(Any, kind))(from_json(text)))


def _as_it_is(value: Any) -> Any:
    return value


def _read_time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


_PLAIN: Mapping[Any, Reader] = {
    UUID: UUID,
    datetime: _read_time,
    AwareDatetime: _read_time,
    float: float,
    int: int,
    str: _as_it_is,
    bool: _as_it_is,
    object: _as_it_is,
    Any: _as_it_is,
}


@cache
def _reader(kind: Any) -> Reader:
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _optional(kind, arguments)
    if origin in (tuple, list):
        return _sequence(origin, arguments[0])
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(origin or kind, type) and issubclass(origin or kind, Mapping | dict):
        return _as_it_is
    raise TypeError(f"no rows of {kind!r} are read")


def _optional(kind: Any, arguments: tuple[Any, ...]) -> Reader:
    inner = [each for each in arguments if each is not NoneType]
    if len(inner) != 1 or len(arguments) != 2:
        raise TypeError(f"no rows of {kind!r} are read: only one type or None can be told apart")
    read = _reader(inner[0])
    return lambda value: None if value is None else read(value)


def _sequence(kind: type, item: Any) -> Reader:
    read = _reader(item)
    if read is _as_it_is:
        return kind
    return lambda values: kind([read(each) for each in values])


def _dataclass(kind: type) -> Reader:
    hints = get_type_hints(kind)
    plain: list[tuple[str, Reader]] = []
    read: list[tuple[str, Reader]] = []
    for each in fields(kind):
        reader = _reader(hints[each.name])
        (plain if reader is _as_it_is else read).append((each.name, reader))
    names = [name for name, _ in plain]

    def reader_of(row: Mapping[str, Any]) -> Any:
        given = {name: row[name] for name in names if name in row}
        for name, reader in read:
            if name in row:
                given[name] = reader(row[name])
        return kind(**given)

    return reader_of
