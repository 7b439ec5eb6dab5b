"""Text protocol, which names actions in plain text.

It serves models that call no tools.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runtime_core.domain.chat import ChatMessage, ChatRole
from runtime_core.domain.frozen import dataclass
from runtime_core.turn.act import for_model
from runtime_core.turn.model_protocol import LAST_WORD, ModelPrompt, ModelReply, ask_once
from runtime_core.turn.prompt import offered_actions
from runtime_core.turn.text_format import VisibleText, instructions, parse_answer, written_answer, written_results
from runtime_core.turn.value import TurnRuntime


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProtocol:
    """Names actions in the text of the prompt and of the answer."""

    runtime: TurnRuntime
    max_retries: int

    async def ask(self, prompt: ModelPrompt) -> ModelReply:
        params: dict[str, Any] = {"messages": self._messages(prompt)}
        visible = VisibleText(prompt.on_piece) if prompt.on_piece is not None else None
        if visible is not None:
            params["on_delta"] = visible.feed
        response = await ask_once(self.runtime, params, self.max_retries)
        answer = parse_answer(response.text, call_prefix=f"call_{len(prompt.steps)}_")
        if visible is not None:
            await visible.end(answer.text)
        calls = () if prompt.is_last else answer.calls
        parsed = replace(response, text=answer.text, tool_calls=calls)
        known = {each.name for each in self.runtime.providers if each.dynamic and not each.private}
        wanted = () if prompt.is_last else answer.providers
        return ModelReply(response=parsed, lookups=frozenset(each for each in wanted if each in known))

    def _messages(self, prompt: ModelPrompt) -> list[ChatMessage]:
        in_order = self.runtime.providers_in_order()
        system, *conversation = prompt.base
        how = instructions(offered_actions(prompt.state, in_order), prompt.state.provided("PROVIDERS").text)
        messages = [replace(system, text=f"{system.text}\n\n{how}"), *conversation]
        for step in prompt.steps:
            messages.append(ChatMessage(role=ChatRole.ASSISTANT, text=written_answer(step.text, step.calls)))
            results = written_results([f"{each.action}: {for_model(each)}" for each in step.results])
            messages.append(ChatMessage(role=ChatRole.USER, text=results))
        if prompt.is_last:
            messages.append(ChatMessage(role=ChatRole.USER, text=LAST_WORD))
        return messages
