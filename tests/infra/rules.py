"""Decides a template's rules for given parameters, in the way CloudFormation does before it creates anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]


def values_of(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Every parameter's value: the one given, else its default; lists are split."""
    values: dict[str, Any] = {}
    for name, parameter in template["Parameters"].items():
        value = str(given.get(name, parameter.get("Default", "")))
        values[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
    return values


def refused(template: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """What CloudFormation says against these parameters; empty when it takes them."""
    values = values_of(template, given)
    said = [f"{name}: not allowed" for name in given if not _allowed(template["Parameters"][name], values[name])]
    for rule in template["Rules"].values():
        if decide(rule.get("RuleCondition", True), values):
            said += [each["AssertDescription"] for each in rule["Assertions"] if not decide(each["Assert"], values)]
    return said


def _allowed(parameter: Mapping[str, Any], value: str | list[str]) -> bool:
    members = value if isinstance(value, list) else [value]
    pattern = parameter.get("AllowedPattern", ".*")
    listed = [str(each) for each in parameter.get("AllowedValues", ())]
    return all(re.search(pattern, member) and (not listed or member in listed) for member in members)


def decide(expression: Any, values: Values) -> bool:
    """The truth of a condition made of CloudFormation's rule functions."""
    if isinstance(expression, bool):
        return expression
    ((function, arguments),) = expression.items()
    match function:
        case "Fn::And":
            return all(decide(each, values) for each in arguments)
        case "Fn::Or":
            return any(decide(each, values) for each in arguments)
        case "Fn::Not":
            return not decide(arguments[0], values)
        case "Fn::Equals":
            return bool(_value(arguments[0], values) == _value(arguments[1], values))
        case "Fn::EachMemberIn":
            return set(_value(arguments[0], values)) <= set(_value(arguments[1], values))
    raise NotImplementedError(function)


def _value(expression: Any, values: Values) -> Any:
    if isinstance(expression, dict):
        return values[expression["Ref"]]
    return expression if isinstance(expression, list) else str(expression)
