"""Nested stacks written out in their parent, as CloudFormation creates them with their parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import PurePosixPath
from typing import Any

Template = dict[str, Any]
NO_VALUE = {"Ref": "AWS::NoValue"}


def inlined(template: Template, *, load: Callable[[str], Template], names: frozenset[str], folder: str = "") -> Template:
    """Replace nested stacks by their resources.

    A resource's id gets its stack's id in front, without the name of the nested template: `Queue` of
    `EmbedHighWorker`, made from `worker.yaml`, becomes `EmbedHighQueue`.

    Args:
        template: Expanded by the SAM transform; stays as it is.
        load: Gives a nested template by its path from the root, expanded by the SAM transform.
        names: Paths of the nested templates to replace; other stacks stay.
        folder: Where `template` lies, as its nested templates' paths are relative to it.
    """
    conditions: Template = dict(template.get("Conditions", {}))
    found: Template = {}
    outputs: dict[tuple[str, str], Any] = {}
    for name, resource in template["Resources"].items():
        path = _path_of(resource, folder)
        if path not in names:
            found[name] = resource if path is None else _with_path(resource, path)
            continue
        child = inlined(load(path), load=load, names=names, folder=str(PurePosixPath(path).parent))
        stack = _Stack(name.removesuffix(_title(path)), child, resource, conditions)
        found |= stack.resources()
        outputs |= {(name, output): value for output, value in stack.outputs().items()}
    resolved = {name: _resolved(value, outputs) for name, value in found.items()}
    shown = {name: _resolved(value, outputs) for name, value in template.get("Outputs", {}).items()}
    return {**template, "Conditions": conditions, "Resources": resolved, "Outputs": shown}


class _Stack:
    """One nested stack: its template, and what its parent gives for the parameters."""

    def __init__(self, prefix: str, template: Template, resource: Template, conditions: Template) -> None:
        self._prefix = prefix
        self._template = template
        self._known = conditions  # the parent's, to which those of this stack are added
        self._condition = resource.get("Condition")
        given = resource["Properties"].get("Parameters", {})
        self._values = {
            name: _typed(parameter, given[name] if name in given else parameter["Default"])
            for name, parameter in template.get("Parameters", {}).items()
        }
        self._decided: dict[str, bool | str] = {}
        for name in template.get("Conditions", {}):
            self._decide(name)

    def resources(self) -> Template:
        """Those that the parameters leave, by their new ids."""
        found = {}
        for name, resource in self._template["Resources"].items():
            decided: bool | str = self._decided[resource["Condition"]] if "Condition" in resource else True
            if decided is False:
                continue
            written = {key: self._written(value) for key, value in resource.items() if key != "Condition"}
            if "DependsOn" in written:
                written["DependsOn"] = self._renamed(written["DependsOn"])
            needed = [each for each in (self._condition, decided) if isinstance(each, str)]
            if needed:
                written["Condition"] = self._name(" and ".join(needed), _all_of(needed))
            found[self._prefix + name] = written
        return found

    def outputs(self) -> Template:
        return {name: self._written(output["Value"]) for name, output in self._template.get("Outputs", {}).items()}

    def _decide(self, name: str) -> bool | str:
        """Whether a condition holds, or the name that it has in the parent."""
        if name not in self._decided:
            self._decided[name] = self._name(name, self._expression(self._template["Conditions"][name]))
        return self._decided[name]

    def _name(self, wanted: str, expression: Any) -> Any:
        """A constant, or the name of a known condition with the same meaning wherever this stack exists, or a new name."""
        where = {"Condition": self._condition} if self._condition else True
        for constant in (True, False):
            if _agree(expression, constant, where, self._known):
                return constant
        for known in sorted(self._known, key=lambda each: each != wanted):
            if _agree(expression, {"Condition": known}, where, self._known):
                return known
        name = wanted if wanted not in self._known else self._prefix + wanted
        assert name not in self._known, f"two conditions {name}"
        self._known[name] = expression
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
            case {"Fn::GetAtt": [name, attribute]}:
                return {"Fn::GetAtt": [self._renamed(name), attribute]}
            case {"Fn::Sub": str(text)}:
                return _sub(re.sub(r"\$\{([^}]+)\}", lambda found: self._part(found[1]), text))
            case {"Fn::Split": [",", inner]}:
                return _as_list(self._written(inner))
            case {"Fn::If": [name, then, otherwise]}:
                match self._decided[name]:
                    case bool(decided):
                        return self._written(then if decided else otherwise)
                    case decided:
                        return {"Fn::If": [decided, self._kept(then), self._kept(otherwise)]}
            case _:
                written = {key: self._written(inner) for key, inner in value.items()}
                return {key: inner for key, inner in written.items() if inner != NO_VALUE}

    def _kept(self, value: Any) -> Any:
        return value if value == NO_VALUE else self._written(value)

    def _part(self, name: str) -> str:
        """A variable of `Fn::Sub` in the parent's words."""
        value = self._written({"Fn::GetAtt": name.split(".", 1)} if "." in name else {"Ref": name})
        match value:
            case {"Ref": other}:
                return f"${{{other}}}"
            case {"Fn::GetAtt": [other, attribute]}:
                return f"${{{other}.{attribute}}}"
            case {"Fn::Sub": str(text)}:
                return text
        assert isinstance(value, str), value
        return value

    def _renamed(self, name: Any) -> Any:
        if isinstance(name, list):
            return [self._renamed(each) for each in name]
        return name if name.startswith("AWS::") else self._prefix + name


def _path_of(resource: Template, folder: str) -> str | None:
    if resource["Type"] != "AWS::CloudFormation::Stack":
        return None
    url = resource["Properties"]["TemplateURL"]
    return url if "/" in url else str(PurePosixPath(folder, url))


def _with_path(resource: Template, path: str) -> Template:
    return {**resource, "Properties": {**resource["Properties"], "TemplateURL": path}}


def _title(path: str) -> str:
    """`RestApi` for infra/rest-api.yaml."""
    return "".join(part.capitalize() for part in PurePosixPath(path).stem.split("-"))


def _typed(parameter: Mapping[str, Any], value: Any) -> Any:
    if parameter["Type"] == "CommaDelimitedList":
        return _as_list(value)
    return int(value) if parameter["Type"] == "Number" and isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    match value:
        case str():
            return value.split(",")
        case list():
            return value
        case {"Fn::If": [condition, then, otherwise]}:
            return {"Fn::If": [condition, _as_list(then), _as_list(otherwise)]}
        case {"Fn::Join": [",", list(parts)]}:
            return _joined(map(_as_list, parts))
        case {"Fn::Join": [",", members]}:
            return members
        case {"Fn::GetAtt": [_, attribute]} if not attribute.startswith("Outputs."):
            return [value]
        case {"Ref": _}:
            return [value]
        case {"Fn::Sub": str(text)} if "," in text:
            return [_sub(part) for part in text.split(",")]
    return {"Fn::Split": [",", value]}


def _sub(text: str) -> Any:
    """`Fn::Sub`, or what is shorter and the same."""
    if whole := re.fullmatch(r"\$\{([^}.]+)\}", text):
        return {"Ref": whole[1]}
    return {"Fn::Sub": text} if "${" in text else text


def _resolved(value: Any, outputs: Mapping[tuple[str, str], Any]) -> Any:
    """A value whose outputs of replaced stacks are written out."""
    match value:
        case {"Fn::GetAtt": [str(stack), str(attribute)]} if (stack, attribute.removeprefix("Outputs.")) in outputs:
            return _resolved(outputs[stack, attribute.removeprefix("Outputs.")], outputs)
        case {"Fn::Split": [",", inner]}:
            return _as_list(_resolved(inner, outputs))
        case {"Fn::Sub": str(text)}:
            for (stack, name), output in outputs.items():
                if f"${{{stack}.Outputs.{name}}}" in text:
                    reference = _resolved(output, outputs)
                    text = text.replace(f"${{{stack}.Outputs.{name}}}", f"${{{reference['Ref']}}}")
            return {"Fn::Sub": text}
        case dict():
            return {key: _resolved(inner, outputs) for key, inner in value.items()}
        case list():
            return _joined(
                _resolved(each, outputs) if isinstance(each, dict) and "Fn::Split" in each else [_resolved(each, outputs)]
                for each in value
            )
    return value


def _joined(parts: Iterable[Any]) -> list[Any]:
    """One list of several; what is no list yet stays a member."""
    return [member for part in parts for member in (part if isinstance(part, list) else [part])]


def _all_of(names: list[str]) -> Any:
    parts = [{"Condition": name} for name in names]
    return parts[0] if len(parts) == 1 else {"Fn::And": parts}


def _agree(one: Any, other: Any, where: Any, conditions: Template) -> bool:
    """Whether two conditions have one truth, whatever their comparisons give, wherever `where` holds."""
    atoms = sorted({*_atoms(one, conditions), *_atoms(other, conditions), *_atoms(where, conditions)})
    for values in product((False, True), repeat=len(atoms)):
        given = dict(zip(atoms, values, strict=True))
        if _truth(where, conditions, given) and _truth(one, conditions, given) != _truth(other, conditions, given):
            return False
    return True


def _atoms(expression: Any, conditions: Template) -> Iterator[str]:
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


def _truth(expression: Any, conditions: Template, given: Mapping[str, bool]) -> bool:
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
    """Truth of a comparison; else its name, or a choice of two comparisons by a condition."""
    match one:
        case {"Fn::If": [condition, then, otherwise]}:
            return condition, {"Fn::Equals": [then, other]}, {"Fn::Equals": [otherwise, other]}
        case {"Fn::Join": ["", {"Fn::If": [condition, then, otherwise]}]}:
            return _compared({"Fn::If": [condition, {"Fn::Join": ["", then]}, {"Fn::Join": ["", otherwise]}]}, other)
        case {"Fn::Join": ["", list(members)]} if all(isinstance(each, str) for each in members):
            return "".join(members) == other
        case {"Fn::Join": ["", list() | {"Fn::Split": [_, {"Fn::GetAtt": _}]}]} | {"Fn::GetAtt": _} if other == "":
            return False  # a resource's attribute is never empty
        case str() | int():
            return str(one) == str(other)
    return json.dumps([one, str(other)])
