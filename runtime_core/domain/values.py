"""Conversion of dicts and JSON to the core's frozen dataclasses, and back.

Validators are pydantic's, built on first use and cached, so that a process pays only for the types it uses.
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
JSON_DEPTH = 32  # levels; above what messages need, and far below recursion limits


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def coerce(kind: type[T], value: object, *, name: str) -> T:
    """Return a value of `kind` unchanged, or build one from a dict.

    Args:
        name: Name of the value in error texts ("message", "world").

    Raises:
        InvalidInput: A field is malformed; names the first and counts the others.
    """
    if isinstance(value, kind):
        return value
    try:
        return cast(T, _adapter(kind).validate_python(value))
    except ValidationError as error:
        raise invalid_input(error, name=name) from error


def encode_json(value: object) -> str:
    """Encode a value of the core as JSON, deterministically.

    NaN and infinities become null.

    Raises:
        InvalidInput: The value has a type that JSON lacks, a reference to itself, or a lone surrogate.
    """
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except ValueError as error:  # pydantic's serialization error is one
        raise InvalidInput(f"cannot be written as JSON: {error}") from error


def invalid_input(error: ValidationError, *, name: str) -> InvalidInput:
    """Build a one-line error: the field, the expectation, and the value found."""
    # Unknown names first: a misspelt name is also reported as missing.
    problems = sorted(field_problems(error), key=lambda each: _UNKNOWN not in each[1])
    location, expected = problems[0]
    where = ".".join(part for part in (name, format_path(location)) if part)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return InvalidInput(f"{expected}{more}", path=where)


def field_problems(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """List the malformed fields: each path, and what was expected and found."""
    problems = error.errors(include_url=False, include_context=False)
    return [(each["loc"], _describe_problem(dict(each))) for each in problems]


def format_path(location: Sequence[int | str]) -> str:
    """Format a path as `content.attachments[0].url`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def _describe_problem(problem: dict[str, Any]) -> str:
    kind, message = problem["type"], str(problem["msg"])
    if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return "is required"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        name = str(problem["loc"][-1])
        snake_case = to_snake(name)
        return _UNKNOWN if name == snake_case else f"{_UNKNOWN}: names are in snake_case, {snake_case}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, got {_describe_value(problem['input'])}"


def _describe_value(value: object) -> str:
    """Describe a malformed value: short scalars by value, others by type."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"text of {len(value)} characters"
    return f"a {type(value).__name__}"


def check_plain(value: object, *, path: str, depth: int) -> None:
    """Check that databases can store a value.

    Raises:
        InvalidInput: Nesting is over `JSON_DEPTH`, or the value holds NaN, infinity, NUL or a lone surrogate.
    """
    if depth > JSON_DEPTH:
        raise InvalidInput(f"nested deeper than {JSON_DEPTH} levels", path=path)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        if not isfinite(value):
            raise InvalidInput("is a number that JSON lacks", path=path)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            check_plain(key, path=path, depth=depth)
            check_plain(item, path=f"{path}.{key}" if path else str(key), depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            check_plain(item, path=f"{path}[{index}]", depth=depth + 1)


def _check_text(value: str, path: str) -> None:
    if "\x00" in value:
        raise InvalidInput("holds a NUL character", path=path)
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise InvalidInput("holds half of a surrogate pair: not valid Unicode", path=path)
