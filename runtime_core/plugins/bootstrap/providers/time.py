"""TIME: the current time in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runtime_core.agent.components import Provider, ProviderResult


async def _get(runtime: Any) -> ProviderResult:
    """Report the time of the claim, constant over the turn and its resumes."""
    context = runtime.turn_context()
    now = (context.now if context is not None else datetime.now(UTC)).astimezone(UTC)
    text = f"It is {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M} UTC."
    return ProviderResult(text=text, values={"time": text}, data={"now": now})


time = Provider(name="TIME", description="The current time", get=_get, position=200)  # last: it changes every turn
