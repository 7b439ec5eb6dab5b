"""CAPABILITIES: descriptions of the agent's services."""

from __future__ import annotations

from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider


async def _get(runtime: Context) -> ProviderResult:
    """List the services with a description."""
    described = {str(each.service_type): each.capability for each in runtime.services if each.capability}
    lines = [f"- {name}: {text}" for name, text in sorted(described.items())]
    return ProviderResult(
        text="# What your services let you do\n" + "\n".join(lines) if lines else "",
        values={"capabilities": "\n".join(lines)},
        data={"capabilities": described},
    )


capabilities = Provider(name="CAPABILITIES", description="What the agent's services let it do", get=_get, position=-30)
