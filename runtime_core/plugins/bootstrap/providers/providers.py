"""PROVIDERS: dynamic providers, which run when requested by name."""

from __future__ import annotations

from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, PromptPlace, Provider


async def _get(runtime: Context) -> ProviderResult:
    dynamic = sorted(
        (each for each in runtime.providers if each.dynamic and not each.private), key=lambda each: each.name
    )
    lines = [f"- {each.name}: {each.description}" for each in dynamic]
    return ProviderResult(
        text="# What you can look up\n" + "\n".join(lines) if lines else "",
        values={"provider_names": ", ".join(each.name for each in dynamic)},
        data={"providers": tuple(each.name for each in dynamic)},
    )


providers = Provider(
    name="PROVIDERS",
    description="What else the agent can look up",
    get=_get,
    position=-20,
    place=PromptPlace.NOWHERE,
)
