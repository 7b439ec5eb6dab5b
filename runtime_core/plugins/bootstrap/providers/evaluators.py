"""EVALUATORS: evaluators that run after an answer."""

from __future__ import annotations

from typing import Any

from runtime_core.agent.components import PromptPlace, Provider, ProviderResult


async def _get(runtime: Any) -> ProviderResult:
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
