"""Validation and safe coercion of a model's arguments by a JSON schema.

Models write `"3"` for 3 and `"true"` for true; a general validator refuses that, and costs a cold start
more than this module. Supported keywords: type, properties, required, additionalProperties, items,
enum, const, default, anyOf, oneOf, minimum, maximum, minLength, maxLength, pattern, minItems, maxItems.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runtime_core.errors import InvalidInput


def check_arguments(schema: Mapping[str, Any], value: object, *, path: str = "") -> Any:
    """Validate `value` and return it coerced, with defaults filled in.

    Raises:
        InvalidInput: `value` does not fit; names the path and the expectation.
    """
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _check_any_of(schema[key], value, path)
    value = _coerce_type(schema, value, path)
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidInput(f"expected one of {list(schema['enum'])}, got {value!r}", path=path)
    if "const" in schema and value != schema["const"]:
        raise InvalidInput(f"expected {schema['const']!r}, got {value!r}", path=path)
    _check_bounds(schema, value, path)
    if isinstance(value, dict):
        return _check_object(schema, value, path)
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [check_arguments(schema["items"], item, path=f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def _check_any_of(options: list[Mapping[str, Any]], value: object, path: str) -> Any:
    refusals = []
    for option in options:
        try:
            return check_arguments(option, value, path=path)
        except InvalidInput as refusal:
            refusals.append(str(refusal))
    raise InvalidInput(f"fits none of the forms allowed ({'; '.join(refusals)})", path=path)


def _coerce_type(schema: Mapping[str, Any], value: object, path: str) -> Any:
    wanted = schema.get("type", "object" if "properties" in schema else None)
    if wanted is None:
        return value
    for kind in [wanted] if isinstance(wanted, str) else wanted:
        fits, coerced = _as_type(kind, value)
        if fits:
            return coerced
    raise InvalidInput(f"expected {wanted}, got {value!r}", path=path)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_BOOLEANS = {"true": True, "false": False}


def _as_type(kind: str, value: Any) -> tuple[bool, Any]:
    if isinstance(value, bool):
        return kind == "boolean", value
    if isinstance(value, _TYPES.get(kind, ())):
        return True, value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return True, int(value)
    if kind == "string" and isinstance(value, int | float):
        return True, str(value)
    if isinstance(value, str):
        return _from_text(kind, value.strip())
    return False, value


def _from_text(kind: str, text: str) -> tuple[bool, Any]:
    if kind == "boolean" and text.lower() in _BOOLEANS:
        return True, _BOOLEANS[text.lower()]
    if kind == "integer" and re.fullmatch(r"[+-]?\d{1,18}", text):
        return True, int(text)
    if kind == "number" and re.fullmatch(r"[+-]?\d{1,18}(\.\d+)?([eE][+-]?\d{1,3})?", text):
        return True, float(text)
    return False, text


def _check_bounds(schema: Mapping[str, Any], value: Any, path: str) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(schema, value, "minimum", "maximum", "", path)
    elif isinstance(value, str):
        _check_range(schema, len(value), "minLength", "maxLength", " characters", path)
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise InvalidInput(f"expected text matching {schema['pattern']!r}", path=path)
    elif isinstance(value, list):
        _check_range(schema, len(value), "minItems", "maxItems", " items", path)


def _check_range(schema: Mapping[str, Any], size: float, low: str, high: str, unit: str, path: str) -> None:
    if low in schema and size < schema[low]:
        raise InvalidInput(f"expected at least {schema[low]}{unit}, got {size}", path=path)
    if high in schema and size > schema[high]:
        raise InvalidInput(f"expected at most {schema[high]}{unit}, got {size}", path=path)


def _check_object(schema: Mapping[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    prefix = f"{path}." if path else ""
    if schema.get("additionalProperties") is False and (unknown := value.keys() - properties.keys()):
        raise InvalidInput(
            f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(properties) or 'none'}", path=path
        )
    result = dict(value)
    for name, inner in properties.items():
        if name in value:
            result[name] = check_arguments(inner, value[name], path=f"{prefix}{name}")
        elif "default" in inner:
            result[name] = inner["default"]
        elif name in schema.get("required", ()):
            raise InvalidInput("is required", path=f"{prefix}{name}")
    return result
