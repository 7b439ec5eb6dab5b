"""The native protocol: actions are the model's tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime_core.domain.chat import ChatMessage, ChatRole
from runtime_core.domain.frozen import dataclass
from runtime_core.turn.act import for_model
from runtime_core.turn.model_protocol import LAST_WORD, ModelPrompt, ModelReply, ask_once
from runtime_core.turn.prompt import tool_specs
from runtime_core.turn.value import Step, TurnRuntime


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeProtocol:
    """Offers actions as tools; their results go back as tool messages."""

    runtime: TurnRuntime
    max_retries: int

    async def ask(self, prompt: ModelPrompt) -> ModelReply:
        messages = [*prompt.base, *_tool_messages(prompt.steps)]
        params: dict[str, Any] = {"messages": messages}
        if prompt.is_last:
            messages.append(ChatMessage(role=ChatRole.SYSTEM, text=LAST_WORD))
        elif tools := tool_specs(prompt.state, self.runtime.providers_in_order()):
            params["tools"] = tools
        if prompt.on_piece is not None:
            params["on_delta"] = prompt.on_piece
        return ModelReply(response=await ask_once(self.runtime, params, self.max_retries))


def _tool_messages(steps: Sequence[Step]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for step in steps:
        messages.append(ChatMessage(role=ChatRole.ASSISTANT, text=step.text, tool_calls=step.calls))
        messages.extend(
            ChatMessage(role=ChatRole.TOOL, text=for_model(result), tool_call_id=call.id, name=call.name)
            for call, result in zip(step.calls, step.results, strict=True)
        )
    return messages
