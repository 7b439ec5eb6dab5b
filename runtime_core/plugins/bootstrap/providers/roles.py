"""ROLES: roles of the participants."""

from __future__ import annotations

from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider
from runtime_core.rooms.roles import list_roles


async def _get(runtime: Context) -> ProviderResult:
    """List participants with a role other than USER."""
    context = runtime.turn_context()
    roles = list_roles(context.world if context is not None else None)
    names = {each.id: each.names[0] for each in context.entities if each.names} if context is not None else {}
    lines = sorted(f"- {names[entity_id]}: {role}" for entity_id, role in roles.items() if entity_id in names)
    return ProviderResult(
        text="# Who has a role here\n" + "\n".join(lines) if lines else "",
        values={"roles": "\n".join(lines)},
        data={"roles": {str(entity_id): role for entity_id, role in roles.items()}},
    )


roles = Provider(name="ROLES", description="Who may do what here", get=_get, position=25)
