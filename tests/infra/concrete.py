"""Resources for given parameters: conditions decided, values filled in, other resources named as `<Queue.Arn>`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.infra.nested import Template
from tests.infra.rules import values_of

ABSENT = object()


def concrete(template: Template, given: Mapping[str, str]) -> Template:
    """The resources that these parameters create, by logical id, without their conditions."""
    filled = _Filled(template, given)
    return {
        name: filled.value({key: inner for key, inner in resource.items() if key != "Condition"})
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or filled.holds({"Condition": resource["Condition"]})
    }


class _Filled:
    def __init__(self, template: Template, given: Mapping[str, str]) -> None:
        self._conditions = template["Conditions"]
        self._parameters = values_of(template, given)

    def holds(self, expression: Any) -> bool:
        match expression:
            case bool():
                return expression
            case {"Condition": name}:
                return self.holds(self._conditions[name])
            case {"Fn::And": parts}:
                return all(map(self.holds, parts))
            case {"Fn::Or": parts}:
                return any(map(self.holds, parts))
            case {"Fn::Not": [part]}:
                return not self.holds(part)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
        raise NotImplementedError(expression)

    def value(self, written: Any) -> Any:
        match written:
            case list():
                return [each for each in map(self.value, written) if each is not ABSENT]
            case {"Ref": "AWS::NoValue"}:
                return ABSENT
            case {"Ref": str(name)}:
                return self._parameters.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::If": [condition, then, otherwise]}:
                return self.value(then if self.holds({"Condition": condition}) else otherwise)
            case {"Fn::Join": _} | {"Fn::Split": _} | {"Fn::Sub": _}:
                return self._text(written)
            case dict():
                found = {key: self.value(inner) for key, inner in written.items()}
                return {key: inner for key, inner in found.items() if inner is not ABSENT}
        return written

    def _text(self, written: Any) -> Any:
        match written:
            case {"Fn::Join": [separator, members]}:
                return separator.join(self.value(members))
            case {"Fn::Split": [separator, text]}:
                return self.value(text).split(separator)
            case {"Fn::Sub": [text, variables]}:
                return self._substituted(text, {name: self.value(each) for name, each in variables.items()})
        return self._substituted(written["Fn::Sub"], {})

    def _substituted(self, text: str, variables: Mapping[str, Any]) -> str:
        known = {**self._parameters, **variables}
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(known.get(found[1], f"<{found[1]}>")), text)
