"""Equivalence of CloudFormation conditions, by trying every result of their comparisons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any


def agree(one: Any, other: Any, where: Any, conditions: Mapping[str, Any]) -> bool:
    """Compare two conditions.

    Args:
        one: Conditions are expressions (`Fn::And`, `Condition`) or constants.
        other: What it is compared with.
        where: Condition under which they are compared.
        conditions: The root's conditions, by their names.

    Returns:
        True if both have the same truth wherever `where` holds, whatever each comparison of parameters gives.
    """
    atoms = sorted({*_atoms(one, conditions), *_atoms(other, conditions), *_atoms(where, conditions)})
    for values in product((False, True), repeat=len(atoms)):
        given = dict(zip(atoms, values, strict=True))
        if _truth(where, conditions, given) and _truth(one, conditions, given) != _truth(other, conditions, given):
            return False
    return True


def _atoms(expression: Any, conditions: Mapping[str, Any]) -> Iterator[str]:
    """Comparisons whose result depends on the root's parameters."""
    match expression:
        case {"Condition": name}:
            yield from _atoms(conditions[name], conditions)
        case {"Fn::And": parts} | {"Fn::Or": parts} | {"Fn::Not": parts}:
            for part in parts:
                yield from _atoms(part, conditions)
        case {"Fn::Equals": [one, other]}:
            match _compared(one, other):
                case str(atom):
                    yield atom
                case (condition, then, otherwise):
                    for part in ({"Condition": condition}, then, otherwise):
                        yield from _atoms(part, conditions)


def _truth(expression: Any, conditions: Mapping[str, Any], given: Mapping[str, bool]) -> bool:
    match expression:
        case bool():
            return expression
        case {"Condition": name}:
            return _truth(conditions[name], conditions, given)
        case {"Fn::And": parts}:
            return all(_truth(part, conditions, given) for part in parts)
        case {"Fn::Or": parts}:
            return any(_truth(part, conditions, given) for part in parts)
        case {"Fn::Not": [part]}:
            return not _truth(part, conditions, given)
        case {"Fn::Equals": [one, other]}:
            match _compared(one, other):
                case bool(known):
                    return known
                case str(atom):
                    return given[atom]
                case (condition, then, otherwise):
                    holds = _truth({"Condition": condition}, conditions, given)
                    return _truth(then if holds else otherwise, conditions, given)
    raise NotImplementedError(expression)


def _compared(one: Any, other: Any) -> bool | str | tuple[str, Any, Any]:
    """Decide a comparison as far as it depends on no parameter.

    Returns:
        Its truth; else a name for it, or a condition with the comparisons that count where it holds and where not.
    """
    match one:
        case {"Fn::If": [condition, then, otherwise]}:
            return condition, {"Fn::Equals": [then, other]}, {"Fn::Equals": [otherwise, other]}
        case {"Fn::Join": ["", {"Fn::If": [condition, then, otherwise]}]}:
            return _compared({"Fn::If": [condition, {"Fn::Join": ["", then]}, {"Fn::Join": ["", otherwise]}]}, other)
        case {"Fn::Join": ["", list(members)]} if all(isinstance(each, str) for each in members):
            return bool("".join(members) == other)
        case {"Fn::Join": ["", list() | {"Fn::Split": [_, {"Fn::GetAtt": _}]}]} | {"Fn::GetAtt": _} if other == "":
            return False  # a resource's attribute is never empty
        case str() | int():
            return str(one) == str(other)
    return json.dumps([one, str(other)])
