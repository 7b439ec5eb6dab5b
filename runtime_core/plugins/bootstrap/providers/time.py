"""TIME: the current time in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, Provider


async def _get(runtime: Context) -> ProviderResult:
    """Report the time of the claim.

    It is constant over the turn and its resumes.
    """
    context = runtime.turn_context()
    now = (context.now if context is not None else datetime.now(UTC)).astimezone(UTC)
    text = f"It is {now:%A}, {now.day} {now:%B} {now.year}, {now:%H:%M} UTC."
    return ProviderResult(text=text, values={"time": text}, data={"now": now})


time = Provider(name="TIME", description="The current time", get=_get, position=200)  # last: it changes every turn
