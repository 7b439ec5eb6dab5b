"""EVALUATORS: evaluators that run after an answer."""

from __future__ import annotations

from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, PromptPlace, Provider


async def _get(runtime: Context) -> ProviderResult:
    known = sorted(runtime.evaluators, key=lambda each: each.name)
    lines = [f"- {each.name}: {each.description}" for each in known]
    return ProviderResult(
        text="# What you look back on\n" + "\n".join(lines) if lines else "",
        values={"evaluator_names": ", ".join(each.name for each in known)},
        data={"evaluators": tuple(known)},
    )


evaluators = Provider(
    name="EVALUATORS",
    description="What the agent looks back on after it answered",
    get=_get,
    position=160,
    private=True,
    place=PromptPlace.NOWHERE,
)
