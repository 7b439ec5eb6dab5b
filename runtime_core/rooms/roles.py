"""Roles of entities, read from the metadata of a world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

from runtime_core.domain.world import World


class Role(StrEnum):
    """The roles of elizaOS; a world may define others."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    USER = "USER"  # the role of all others


MANAGERS = (Role.OWNER.value, Role.ADMIN.value)
_INCLUDED: Mapping[str, tuple[str, ...]] = {
    Role.OWNER: (Role.OWNER.value, Role.ADMIN.value, Role.USER.value),
    Role.ADMIN: (Role.ADMIN.value, Role.USER.value),
}


def find_role(world: World | None, entity_id: UUID) -> str:
    """Find the role of an entity in a world, by default `USER`."""
    if world is None:
        return Role.USER.value
    given = _read_roles(world).get(str(entity_id))
    if given is None and str(entity_id) == _read_owner(world):
        return Role.OWNER.value
    known = str(given or Role.USER).upper()
    return Role.USER.value if known == "NONE" else known


def roles_held(world: World | None, entity_id: UUID) -> tuple[str, ...]:
    """List an entity's role and the roles it includes.

    OWNER includes ADMIN, and all roles include USER.
    """
    role = find_role(world, entity_id)
    return _INCLUDED.get(role, (Role.USER.value,) if role == Role.USER else (role, Role.USER.value))


def list_roles(world: World | None) -> dict[UUID, str]:
    """Map entity ids to roles other than `USER`."""
    if world is None:
        return {}
    named = [*_read_roles(world), *([owner] if (owner := _read_owner(world)) else [])]
    return {UUID(each): role for each in named if (role := find_role(world, UUID(each))) != Role.USER}


def with_role(world: World, entity_id: UUID, role: Role) -> World:
    """Return the world with a changed role of an entity."""
    return replace(world, metadata={**world.metadata, "roles": {**_read_roles(world), str(entity_id): role.value}})


def may_change_role(actor: str, current: str, new: Role) -> bool:
    """Whether `actor` may change a role from `current` to `new`.

    Owners may make any change; admins may not change managers or make an owner.
    """
    if actor == Role.OWNER:
        return True
    return actor == Role.ADMIN and current not in MANAGERS and new is not Role.OWNER


def _read_roles(world: World) -> dict[str, str]:
    roles = world.metadata.get("roles")
    return {str(key): str(value) for key, value in roles.items()} if isinstance(roles, Mapping) else {}


def _read_owner(world: World) -> str | None:
    ownership = world.metadata.get("ownership")
    if not isinstance(ownership, Mapping):
        return None
    owner = ownership.get("owner_id") or ownership.get("ownerId")
    return str(owner) if owner else None
