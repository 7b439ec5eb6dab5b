"""Changes of a running agent's character: validated, stored and audited."""

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
    "id": "the id of an agent is permanent",
    "plugins": "plugins load once, so delete the agent and add it with other plugins",
    "extra": "it holds the unknown keys of the character file",
}
_CHANGEABLE = frozenset(each.name for each in fields(Character)) - _FIXED.keys()


def apply_changes(character: Character, changes: Mapping[str, Any]) -> Character:
    """Return a character with changed fields, named in camelCase or snake_case.

    Raises:
        InvalidInput: A field is unknown or fixed.
        InvalidCharacter: A value has the wrong type.
    """
    named = {to_snake(key): value for key, value in changes.items()}
    for name in named:
        if name in _FIXED:
            raise InvalidInput(f"cannot be changed: {_FIXED[name]}", path=f"character.{name}")
        if name not in _CHANGEABLE:
            raise InvalidInput(f"is unknown: use one of {', '.join(sorted(_CHANGEABLE))}", path=f"character.{name}")
    given = coerce_character({"name": character.name, **named}, source="changes of the character")
    values: dict[str, Any] = {name: getattr(given, name) for name in named}
    return replace(character, id=character.agent_id, **values)


async def change_character(runtime: AgentRuntime, changes: Mapping[str, Any]) -> None:
    """Change the character of a running agent; its id stays the same.

    Raises:
        InvalidInput, InvalidCharacter: See `apply_changes`; nothing is changed.
        StoreError: Storing the change failed; nothing is changed.
    """
    before = runtime.character
    after = replace(apply_changes(before, changes), id=runtime.agent_id)
    names = [each.name for each in fields(Character) if getattr(before, each.name) != getattr(after, each.name)]
    agent = Agent(id=runtime.agent_id, name=after.name, character=_without_secrets(after))
    await runtime.database.records.insert(runtime.agent_id, [agent], ignore_existing=True)
    await runtime.database.records.update(runtime.agent_id, [agent])
    runtime.adopt(after)
    body = {"changed": [name for name in names if name != "id"], "before": _to_audit(before), "after": _to_audit(after)}
    await audit(runtime, "character.changed", body)


def _to_audit(character: Character) -> Mapping[str, Any]:
    """Convert a character for the audit trail, with secrets by name only."""
    return {**_without_secrets(character), "secrets": sorted(character.secrets)}


def _without_secrets(character: Character) -> Mapping[str, Any]:
    values = {each.name: getattr(character, each.name) for each in fields(Character) if each.name != "secrets"}
    public: Mapping[str, Any] = from_json(encode_json(values))
    return public
