"""Roles: who may do what in a world, as the world's metadata says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

from runtime_core.domain.world import World


class Role(StrEnum):
    """The roles of elizaOS; a world may know others, which stand beside these."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    USER = "USER"  # everyone


MANAGERS = (Role.OWNER.value, Role.ADMIN.value)
_INCLUDED: Mapping[str, tuple[str, ...]] = {
    Role.OWNER: (Role.OWNER.value, Role.ADMIN.value, Role.USER.value),
    Role.ADMIN: (Role.ADMIN.value, Role.USER.value),
}


def role_in(world: World | None, entity_id: UUID) -> str:
    """The role that a world gives an entity; without one, `USER`."""
    if world is None:
        return Role.USER.value
    given = _by_entity(world).get(str(entity_id))
    if given is None and str(entity_id) == _owner(world):
        return Role.OWNER.value
    known = str(given or Role.USER).upper()
    return Role.USER.value if known == "NONE" else known


def roles_held(world: World | None, entity_id: UUID) -> tuple[str, ...]:
    """The role of an entity and those it includes: an owner may do what an admin may, and everyone is a user."""
    role = role_in(world, entity_id)
    return _INCLUDED.get(role, (Role.USER.value,) if role == Role.USER else (role, Role.USER.value))


def entities_with_roles(world: World | None) -> dict[UUID, str]:
    """Who has another role than `USER`, by entity id."""
    if world is None:
        return {}
    named = [*_by_entity(world), *([owner] if (owner := _owner(world)) else [])]
    return {UUID(each): role for each in named if (role := role_in(world, UUID(each))) != Role.USER}


def with_role(world: World, entity_id: UUID, role: Role) -> World:
    """The world with another role for an entity."""
    return replace(world, metadata={**world.metadata, "roles": {**_by_entity(world), str(entity_id): role.value}})


def may_change_role(actor: str, current: str, new: Role) -> bool:
    """Whether one role may make another out of a third: owners may all, admins what is below them."""
    if actor == Role.OWNER:
        return True
    return actor == Role.ADMIN and current not in MANAGERS and new is not Role.OWNER


def _by_entity(world: World) -> dict[str, str]:
    roles = world.metadata.get("roles")
    return {str(key): str(value) for key, value in roles.items()} if isinstance(roles, Mapping) else {}


def _owner(world: World) -> str | None:
    ownership = world.metadata.get("ownership")
    if not isinstance(ownership, Mapping):
        return None
    owner = ownership.get("owner_id") or ownership.get("ownerId")
    return str(owner) if owner else None
