"""IGNORE: leave a message unanswered."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.world import DIRECT_CHANNELS
from runtime_core.plugin_api import Action, Context
from runtime_core.turn.decide import channel_of


async def _handle() -> ActionResult:
    return ActionResult(text="The message stays unanswered.")


async def _validate(runtime: Context, message: Memory) -> bool:
    """Offer the action only outside direct channels, where every message is answered."""
    return channel_of(message, runtime.turn_context()) not in DIRECT_CHANNELS


ignore = Action(
    name="IGNORE",
    description="Leave this message unanswered: it is not meant for you, or the conversation is over.",
    handler=_handle,
    validate=_validate,
    similes=("STAY_SILENT", "DO_NOT_RESPOND"),
    ends_turn=True,
)
