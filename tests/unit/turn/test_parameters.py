"""Validation of an action's parameters by their JSON schema."""

from __future__ import annotations

import pytest

from runtime_core.errors import InvalidInput
from runtime_core.turn.parameters import check_arguments

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 20},
        "days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 3},
        "exact": {"type": "boolean"},
        "unit": {"enum": ["C", "F"]},
        "at": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
        "who": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"city": "Bern"}, {"city": "Bern", "days": 3}),
        ({"city": "Bern", "days": "7"}, {"city": "Bern", "days": 7}),
        ({"city": "Bern", "days": 7.0}, {"city": "Bern", "days": 7}),
        ({"city": 12, "exact": "True"}, {"city": "12", "days": 3, "exact": True}),
        ({"city": "Bern", "at": ["1.5", 2]}, {"city": "Bern", "days": 3, "at": [1.5, 2]}),
        ({"city": "Bern", "who": None}, {"city": "Bern", "days": 3, "who": None}),
        ({"city": "Bern", "who": "4"}, {"city": "Bern", "days": 3, "who": 4}),
    ],
)
def test_arguments_are_coerced_where_it_is_safe_and_defaults_filled_in(given: object, expected: object) -> None:
    assert check_arguments(SCHEMA, given) == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "city: is required"),
        ({"city": ""}, "city: expected at least 1 characters, got 0"),
        ({"city": "Bern", "days": 15}, "days: expected at most 14, got 15"),
        ({"city": "Bern", "days": "soon"}, "days: expected integer, got 'soon'"),
        ({"city": "Bern", "days": True}, "days: expected integer, got True"),
        ({"city": "Bern", "unit": "K"}, "unit: expected one of ['C', 'F'], got 'K'"),
        ({"city": "Bern", "at": [1, "x"]}, "at[1]: expected number, got 'x'"),
        ({"city": "Bern", "at": [1, 2, 3]}, "at: expected at most 2 items, got 3"),
        ({"city": "Bern", "who": "x"}, "who: fits none of the forms allowed"),
        ({"city": "Bern", "planet": "Mars"}, "unknown: planet; known: city, days, exact, unit, at, who"),
        ([], "expected object, got []"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(given: object, says: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_arguments(SCHEMA, given)
    assert str(refusal.value).startswith(says)
