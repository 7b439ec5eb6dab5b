"""REPLY: send a text to the user."""

from __future__ import annotations

from typing import Any

from runtime_core.domain.chat import ModelType, TextResponse
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.state import State
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context
from runtime_core.turn.decide import channel_of
from runtime_core.turn.prompt import chat_messages


async def _handle(
    runtime: Context, message: Memory, state: State, options: ActionOptions, callback: Any
) -> ActionResult:
    """Send the given text, or one that the model writes."""
    text = str(options.parameters.get("text") or "").strip()
    if not text:
        context = runtime.turn_context()
        messages = chat_messages(
            agent_id=runtime.agent_id,
            state=state,
            providers=runtime.providers_in_order(),
            message=message,
            names={},
            channel=channel_of(message, context),
        )
        answer = await runtime.use_model(ModelType.TEXT_LARGE, {"messages": messages})
        text = answer.text if isinstance(answer, TextResponse) else str(answer)
    if not text:
        raise ActionError("the model returned no text", action="REPLY")
    await callback(Content(text=text, actions=("REPLY",)))
    return ActionResult(text=text)


reply = Action(
    name="REPLY",
    description="Answer the user with a text. The way to talk when no other action is called for.",
    handler=_handle,
    similes=("RESPOND", "ANSWER", "SEND_REPLY", "RESPONSE"),
    parameters={
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What to say; without it, an answer is written."}},
    },
    tool=False,  # a model that calls tools answers with plain text
    ends_turn=True,
)
