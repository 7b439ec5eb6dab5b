"""Nested stacks written out in their parent, as CloudFormation creates them with their parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tests.infra.conditions import agree

Template = dict[str, Any]
NO_VALUE = {"Ref": "AWS::NoValue"}
STACK = "AWS::CloudFormation::Stack"


def inlined(name: str, *, load: Callable[[str], Template], names: frozenset[str]) -> Template:
    """Expand a template with the resources of its nested stacks in place of these.

    A resource's id gets its stack's id in front, without the name of the nested template: `Queue` of
    `EmbedHighWorker`, made from `worker.yaml`, becomes `EmbedHighQueue`.

    Args:
        name: Path of the root template.
        load: Returns a template by its path, after the SAM transform.
        names: Paths of the nested templates to replace; other stacks stay.
    """
    template = load(name)
    parameters = template["Parameters"]
    values = {parameter: {"Ref": parameter} for parameter in parameters}
    lists = frozenset(each for each in parameters if parameters[each]["Type"] == "CommaDelimitedList")
    nesting = _Nesting(load, names, lists, dict(template["Conditions"]))
    root = _Stack(nesting, name, values)
    return {**template, "Conditions": nesting.conditions, "Resources": root.resources(), "Outputs": root.outputs()}


@dataclass(frozen=True, slots=True)
class _Nesting:
    """What all stacks share: the templates, and the conditions that the root ends up with."""

    load: Callable[[str], Template]
    names: frozenset[str]
    lists: frozenset[str]  # the root's parameters that are lists
    conditions: Template


class _Stack:
    """One stack: its template, and the values of its parameters in the root's words."""

    def __init__(
        self, nesting: _Nesting, path: str, values: Template, *, prefix: str = "", condition: str | None = None
    ) -> None:
        self._nesting = nesting
        self._folder = PurePosixPath(path).parent
        self._template = nesting.load(path)
        self._prefix = prefix
        self._condition = condition
        self._values = {
            name: _typed(parameter, values[name] if name in values else parameter["Default"], nesting.lists)
            for name, parameter in self._template["Parameters"].items()
        }
        self._decided: dict[str, bool | str] = {}
        self._stacks: dict[str, _Stack] = {}

    def resources(self) -> Template:
        """The resources that the parameters leave, by their new ids; those of nested stacks too."""
        found: Template = {}
        for name, resource in self._template["Resources"].items():
            condition = self._condition_of(resource)
            if condition is False:
                continue
            if self._is_nested(name):
                found |= self._nested(name).resources()
                continue
            written = {key: self._written(value) for key, value in resource.items() if key != "Condition"}
            if "DependsOn" in written:
                written["DependsOn"] = self._renamed(written["DependsOn"])
            if "TemplateURL" in written.get("Properties", {}):
                written["Properties"]["TemplateURL"] = self._path(name)
            found[self._prefix + name] = written if condition is None else {**written, "Condition": condition}
        return found

    def outputs(self) -> Template:
        """The outputs, by their names."""
        return {name: self._written(output) for name, output in self._template["Outputs"].items()}

    def output(self, name: str) -> Any:
        """The value of one output."""
        return self._written(self._template["Outputs"][name]["Value"])

    def _condition_of(self, resource: Template) -> Any:
        """The root's condition for a resource; False where it is never created, None where always."""
        decided: Any = self._decide(resource["Condition"]) if "Condition" in resource else True
        if decided is False:
            return False
        needed = [each for each in (self._condition, decided) if isinstance(each, str)]
        parts = [{"Condition": name} for name in needed]
        if len(parts) < 2:
            return next(iter(needed), None)
        return self._name(" and ".join(needed), {"Fn::And": parts}, where=True)

    def _is_nested(self, name: str) -> bool:
        return (
            self._template["Resources"].get(name, {}).get("Type") == STACK and self._path(name) in self._nesting.names
        )

    def _path(self, name: str) -> str:
        """Path of a nested template from the root."""
        return str(self._folder / self._template["Resources"][name]["Properties"]["TemplateURL"])

    def _nested(self, name: str) -> _Stack:
        if name not in self._stacks:
            resource, path = self._template["Resources"][name], self._path(name)
            self._stacks[name] = _Stack(
                self._nesting,
                path,
                self._written(resource["Properties"]["Parameters"]),
                prefix=self._prefix + name.removesuffix(_title(path)),
                condition=self._condition_of(resource),
            )
        return self._stacks[name]

    def _decide(self, name: str) -> Any:
        """Whether a condition holds, or its name in the root."""
        if name not in self._decided:
            where = {"Condition": self._condition} if self._condition else True
            self._decided[name] = self._name(name, self._expression(self._template["Conditions"][name]), where)
        return self._decided[name]

    def _name(self, wanted: str, expression: Any, where: Any) -> bool | str:
        """A constant, or a condition of the root that means the same `where` it counts; added if there is none."""
        known = self._nesting.conditions
        for constant in (True, False):
            if agree(expression, constant, where, known):
                return constant
        for name in sorted(known, key=lambda each: each != wanted):
            if agree(expression, {"Condition": name}, where, known):
                return name
        name = wanted if wanted not in known else self._prefix + wanted
        assert name not in known, f"two conditions {name}"
        known[name] = expression
        return name

    def _expression(self, value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"Condition"}:
            decided = self._decide(value["Condition"])
            return {"Condition": decided} if isinstance(decided, str) else decided
        if isinstance(value, dict) and {"Fn::And", "Fn::Or", "Fn::Not"} & set(value):
            ((function, parts),) = value.items()
            return {function: [self._expression(part) for part in parts]}
        return value if isinstance(value, bool) else self._written(value)

    def _written(self, value: Any) -> Any:
        """A value as the parent would write it."""
        if isinstance(value, list):
            return [each for each in map(self._written, value) if each != NO_VALUE]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": name}:
                return self._values[name] if name in self._values else {"Ref": self._renamed(name)}
            case {"Fn::GetAtt": [name, attribute]} if self._is_nested(name):
                return self._nested(name).output(attribute.removeprefix("Outputs."))
            case {"Fn::GetAtt": [name, attribute]}:
                return {"Fn::GetAtt": [self._renamed(name), attribute]}
            case {"Fn::Sub": str(text)}:
                variables: Template = {}
                text = re.sub(r"\$\{([^}]+)\}", lambda found: self._part(found[1], variables), text)
                return {"Fn::Sub": [text, variables]} if variables else _sub(text)
            case {"Fn::If": [name, then, otherwise]}:
                match self._decide(name):
                    case bool(decided):
                        return self._written(then if decided else otherwise)
                    case decided:
                        return {"Fn::If": [decided, self._written(then), self._written(otherwise)]}
            case _:
                written = {key: self._written(inner) for key, inner in value.items()}
                return {key: inner for key, inner in written.items() if inner != NO_VALUE}

    def _part(self, name: str, variables: Template) -> str:
        """A variable of `Fn::Sub` in the root's words; a value that is no name goes to `variables`."""
        value = self._written({"Fn::GetAtt": name.split(".", 1)} if "." in name else {"Ref": name})
        match value:
            case {"Ref": other}:
                return f"${{{other}}}"
            case {"Fn::GetAtt": [other, attribute]}:
                return f"${{{other}.{attribute}}}"
            case {"Fn::Sub": str(text)}:
                return text
            case str() | int():
                return str(value)
        variables[name.replace(".", "")] = value
        return f"${{{name.replace('.', '')}}}"

    def _renamed(self, name: Any) -> Any:
        if isinstance(name, list):
            return [self._renamed(each) for each in name]
        return name if name.startswith("AWS::") else self._prefix + name


def _title(path: str) -> str:
    """`RestApi` for infra/rest-api.yaml."""
    return "".join(part.capitalize() for part in PurePosixPath(path).stem.split("-"))


def _typed(parameter: Mapping[str, Any], value: Any, lists: frozenset[str]) -> Any:
    if parameter["Type"] == "CommaDelimitedList":
        return _as_list(value, lists)
    return int(value) if parameter["Type"] == "Number" and isinstance(value, str) else value


def _as_list(value: Any, lists: frozenset[str]) -> Any:
    """The list that a comma-separated value is for a nested stack."""
    match value:
        case str():
            return value.split(",")
        case list():
            return value
        case {"Fn::If": [condition, then, otherwise]}:
            return {"Fn::If": [condition, _as_list(then, lists), _as_list(otherwise, lists)]}
        case {"Fn::Join": [",", list(parts)]}:
            return [member for part in parts for member in _as_list(part, lists)]
        case {"Fn::Join": [",", members]}:
            return members
        case {"Fn::Sub": str(text)} if "," in text:
            return [_sub(part) for part in text.split(",")]
        case {"Fn::GetAtt": [_, attribute]} if attribute.startswith("Outputs."):
            return {"Fn::Split": [",", value]}
        case {"Ref": name} if name in lists:
            return value
    return [value]


def _sub(text: str) -> Any:
    """`Fn::Sub`, or what is shorter and the same."""
    if whole := re.fullmatch(r"\$\{([^}.]+)\}", text):
        return {"Ref": whole[1]}
    return {"Fn::Sub": text} if "${" in text else text
