"""RELATIONSHIPS: relationships of the sender, strongest first."""

from __future__ import annotations

from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.domain.world import Entity, Relationship
from runtime_core.plugin_api import Context, Provider

_MAX_LISTED = 20


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    found: list[Relationship] = await runtime.get_relationships(message.entity_id)
    closest = sorted(found, key=lambda each: (-_strength(each), str(each.id)))[:_MAX_LISTED]
    ids = list(dict.fromkeys(_find_other(each, message.entity_id) for each in closest))
    people: list[Entity] = await runtime.get_entities_by_ids(ids) if ids else []
    names = {each.id: each.names[0] for each in people if each.names}
    shown = [(each, names.get(_find_other(each, message.entity_id))) for each in closest]
    lines = [f"- {name}: {', '.join(each.tags) or 'in touch'}" for each, name in shown if name]
    return ProviderResult(
        text="# Whom the sender knows\n" + "\n".join(lines) if lines else "",
        values={"relationships": "\n".join(lines)},
        data={"relationships": tuple(closest)},
    )


def _find_other(relationship: Relationship, entity_id: UUID) -> UUID:
    source, target = relationship.source_entity_id, relationship.target_entity_id
    return target if source == entity_id else source


def _strength(relationship: Relationship) -> int:
    count = relationship.metadata.get("interactions", 0)
    return count if isinstance(count, int) else 0


relationships = Provider(
    name="RELATIONSHIPS",
    description="Whom the sender knows, and how well",
    get=_get,
    position=50,
    dynamic=True,  # needs a query
)
