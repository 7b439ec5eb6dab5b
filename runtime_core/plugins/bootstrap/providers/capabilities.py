"""CAPABILITIES: descriptions of the agent's services."""

from __future__ import annotations

from typing import Any

from runtime_core.agent.components import Provider, ProviderResult


async def _get(runtime: Any) -> ProviderResult:
    """List the services with a description."""
    described = {str(each.service_type): each.capability for each in runtime.services if each.capability}
    lines = [f"- {name}: {text}" for name, text in sorted(described.items())]
    return ProviderResult(
        text="# What your services let you do\n" + "\n".join(lines) if lines else "",
        values={"capabilities": "\n".join(lines)},
        data={"capabilities": described},
    )


capabilities = Provider(name="CAPABILITIES", description="What the agent's services let it do", get=_get, position=-30)
