"""NONE: do nothing beyond answering."""

from __future__ import annotations

from runtime_core.domain.run import ActionResult
from runtime_core.plugin_api import Action


async def _handle() -> ActionResult:
    return ActionResult()


none = Action(
    name="NONE",
    description="Do nothing beyond answering.",
    handler=_handle,
    similes=("NO_ACTION", "NO_OP"),
    tool=False,  # a model that calls tools does nothing by calling none
)
