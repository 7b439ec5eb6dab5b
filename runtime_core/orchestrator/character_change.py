"""Changing an agent's character while it runs: checked, stored, and written to the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_snake
from pydantic_core import from_json

from runtime_core.domain.character import Character, coerce_character
from runtime_core.domain.records import Agent
from runtime_core.domain.values import encode_json
from runtime_core.errors import InvalidInput
from runtime_core.rooms.audit import audit

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

_FIXED = {
    "id": "an agent keeps its id",
    "plugins": "plugins load once: delete the agent and add it with others",
    "extra": "it holds what a file had beside the known fields",
}
_CHANGEABLE = frozenset(each.name for each in fields(Character)) - _FIXED.keys()


def changed_character(character: Character, changes: Mapping[str, Any]) -> Character:
    """A character with some fields replaced, given in camelCase or snake_case.

    Raises:
        InvalidInput: A field is unknown, or cannot be changed.
        InvalidCharacter: A value has the wrong type.
    """
    named = {to_snake(key): value for key, value in changes.items()}
    for name in named:
        if name in _FIXED:
            raise InvalidInput(f"cannot be changed: {_FIXED[name]}", path=f"character.{name}")
        if name not in _CHANGEABLE:
            raise InvalidInput(f"is unknown; known are {', '.join(sorted(_CHANGEABLE))}", path=f"character.{name}")
    given = coerce_character({"name": character.name, **named}, source="changes of the character")
    values: dict[str, Any] = {name: getattr(given, name) for name in named}
    return replace(character, id=character.agent_id, **values)


async def change_character(runtime: AgentRuntime, changes: Mapping[str, Any]) -> None:
    """Give a running agent a changed character; its id stays the same.

    Raises:
        InvalidInput, InvalidCharacter: As `changed_character`; nothing is changed.
        StoreError: The change could not be stored; nothing is changed.
    """
    before = runtime.character
    after = replace(changed_character(before, changes), id=runtime.agent_id)
    names = [each.name for each in fields(Character) if getattr(before, each.name) != getattr(after, each.name)]
    agent = Agent(id=runtime.agent_id, name=after.name, character=_public(after))
    await runtime.database.records.insert(runtime.agent_id, [agent], ignore_existing=True)
    await runtime.database.records.update(runtime.agent_id, [agent])
    runtime.adopt(after)
    body = {"changed": [name for name in names if name != "id"], "before": _shown(before), "after": _shown(after)}
    await audit(runtime, "character.changed", body)


def _shown(character: Character) -> Mapping[str, Any]:
    """What the audit trail keeps: everything but secrets, whose names alone are told."""
    return {**_public(character), "secrets": sorted(character.secrets)}


def _public(character: Character) -> Mapping[str, Any]:
    values = {each.name: getattr(character, each.name) for each in fields(Character) if each.name != "secrets"}
    public: Mapping[str, Any] = from_json(encode_json(values))
    return public
