"""Values across a border: from dicts and JSON to the core's frozen dataclasses, and back.

pydantic does the work. Its validators are built on first use and kept, so that a process pays
only for the types it meets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_snake
from pydantic_core import to_json

from runtime_core.errors import InvalidInput

T = TypeVar("T")

_UNKNOWN = "is not a known field"
JSON_DEPTH = 32  # levels of nesting; what no honest message needs, and far below any recursion limit


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def coerce(kind: type[T], value: object, *, name: str) -> T:
    """Take a value of `kind` as it is, or build one from a dict.

    Args:
        name: What the value is called in an error text ("message", "world").

    Raises:
        InvalidInput: Names the first field that is wrong, and how many more are.
    """
    if isinstance(value, kind):
        return value
    try:
        return cast(T, _adapter(kind).validate_python(value))
    except ValidationError as error:
        raise invalid_input(error, name=name) from error


def encode_json(value: object) -> str:
    """Write any value of the core as JSON; the same value gives the same bytes. NaN and infinities become null.

    Raises:
        InvalidInput: It holds an object that JSON lacks, itself, or half of a surrogate pair.
    """
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except ValueError as error:  # pydantic's serialization error is one
        raise InvalidInput(f"cannot be written as JSON: {error}") from error


def invalid_input(error: ValidationError, *, name: str) -> InvalidInput:
    """Say in one line which field is wrong, what was found, and what was expected."""
    problems = sorted(field_problems(error), key=lambda each: _UNKNOWN not in each[1])  # a name is wrong, not missing
    location, expected = problems[0]
    where = ".".join(part for part in (name, dotted(location)) if part)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return InvalidInput(f"{expected}{more}", path=where)


def field_problems(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Every field that is wrong: its path, and what was found and expected."""
    return [
        (problem["loc"], _expected(dict(problem))) for problem in error.errors(include_url=False, include_context=False)
    ]


def dotted(location: Sequence[int | str]) -> str:
    """Write a path as `content.attachments[0].url`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def _expected(problem: dict[str, Any]) -> str:
    kind, message = problem["type"], str(problem["msg"])
    if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return "is required"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        name = str(problem["loc"][-1])
        snake_case = to_snake(name)
        return _UNKNOWN if name == snake_case else f"{_UNKNOWN}: names are in snake_case, {snake_case}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, got {_shown(problem['input'])}"


def _shown(value: object) -> str:
    """Show the kind of a wrong value, and the value itself when it is short and plain."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"text of {len(value)} characters"
    return f"a {type(value).__name__}"


def check_plain(value: object, *, path: str, depth: int) -> None:
    """Refuse what no database can keep: nesting without end, NUL characters, half surrogate pairs, NaN."""
    if depth > JSON_DEPTH:
        raise InvalidInput(f"nested deeper than {JSON_DEPTH} levels", path=path)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        if not isfinite(value):
            raise InvalidInput("is a number that JSON lacks", path=path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_plain(key, path=path, depth=depth)
            check_plain(item, path=f"{path}.{key}" if path else str(key), depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_plain(item, path=f"{path}[{index}]", depth=depth + 1)


def _check_text(value: str, path: str) -> None:
    if "\x00" in value:
        raise InvalidInput("holds a NUL character", path=path)
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise InvalidInput("holds half of a surrogate pair: not valid Unicode", path=path)
