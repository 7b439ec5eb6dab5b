"""One round of asking in the text protocol, for models that call no tools."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runtime_core.domain.chat import ChatMessage, ChatRole
from runtime_core.domain.frozen import dataclass
from runtime_core.turn.asking import LAST_WORD, Heard, Question, response_of
from runtime_core.turn.planning import for_model
from runtime_core.turn.prompt import offered_actions
from runtime_core.turn.text_protocol import VisibleText, instructions, parse_answer, written_answer, written_results

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAsking:
    """Actions are named in the text of the prompt and of the answer."""

    runtime: AgentRuntime
    max_retries: int

    async def ask(self, question: Question) -> Heard:
        params: dict[str, Any] = {"messages": self._messages(question)}
        visible = VisibleText(question.told) if question.told is not None else None
        if visible is not None:
            params["on_delta"] = visible.feed
        response = await response_of(self.runtime, params, self.max_retries)
        answer = parse_answer(response.text, call_prefix=f"call_{len(question.steps)}_")
        if visible is not None:
            await visible.end(answer.text)
        calls = () if question.last else answer.calls
        heard = replace(response, text=answer.text, tool_calls=calls)
        known = {each.name for each in self.runtime.providers if each.dynamic and not each.private}
        wanted = () if question.last else answer.providers
        return Heard(response=heard, lookups=frozenset(each for each in wanted if each in known))

    def _messages(self, question: Question) -> list[ChatMessage]:
        in_order = self.runtime.providers_in_order()
        system, *conversation = question.base
        told = instructions(offered_actions(question.state, in_order), question.state.provided("PROVIDERS").text)
        messages = [replace(system, text=f"{system.text}\n\n{told}"), *conversation]
        for step in question.steps:
            messages.append(ChatMessage(role=ChatRole.ASSISTANT, text=written_answer(step.text, step.calls)))
            results = written_results([f"{each.action}: {for_model(each)}" for each in step.results])
            messages.append(ChatMessage(role=ChatRole.USER, text=results))
        if question.last:
            messages.append(ChatMessage(role=ChatRole.USER, text=LAST_WORD))
        return messages
