"""Handler order of a model type, and fallback after a failure."""

from __future__ import annotations

from typing import Any

import pytest

from runtime_core.domain.chat import ChatMessage, ChatRole, ModelType, TextResponse, Usage
from runtime_core.errors import ModelError, ModelNotFound, ModelRequestRejected, ModelUnavailable
from runtime_core.runtime.runtime import AgentRuntime


def answers(text: str) -> Any:
    async def handler() -> str:
        return text

    return handler


def fails(error: Exception, calls: list[str] | None = None) -> Any:
    async def handler() -> str:
        if calls is not None:
            calls.append("called")
        raise error

    return handler


async def test_the_highest_priority_answers_then_the_earlier_registered(runtime: AgentRuntime) -> None:
    runtime.register_model("TEXT_LARGE", answers("low"), provider="low", priority=-5)
    runtime.register_model("TEXT_LARGE", answers("high"), provider="high", priority=10)
    runtime.register_model("TEXT_LARGE", answers("also high"), provider="also", priority=10)
    assert await runtime.use_model(ModelType.TEXT_LARGE, {"prompt": "x"}) == "high"
    assert await runtime.use_model("TEXT_LARGE", {"prompt": "x"}, "low") == "low"


async def test_an_unknown_type_or_provider_lists_what_there_is(runtime: AgentRuntime) -> None:
    with pytest.raises(ModelNotFound, match="no plugin answers IMAGE; registered model types: TEXT_LARGE, TEXT_SMALL"):
        await runtime.use_model("IMAGE", {})
    with pytest.raises(ModelNotFound, match="no provider 'cloud' answers TEXT_LARGE; registered providers: echo"):
        await runtime.use_model("TEXT_LARGE", {"prompt": "x"}, "cloud")
    assert runtime.get_model("IMAGE") is None


async def test_a_failure_that_may_pass_goes_on_to_the_next_provider(runtime: AgentRuntime) -> None:
    runtime.register_model("TEXT_LARGE", fails(ModelUnavailable("down")), provider="first", priority=10)
    assert await runtime.use_model("TEXT_LARGE", {"prompt": "x"}) == "echo: x"


async def test_a_failure_that_stays_is_raised_at_once(runtime: AgentRuntime) -> None:
    runtime.register_model("TEXT_LARGE", fails(ModelRequestRejected("too long")), provider="first", priority=10)
    with pytest.raises(ModelRequestRejected):
        await runtime.use_model("TEXT_LARGE", {"prompt": "x"})


async def test_all_are_asked_again_after_the_wait_the_provider_asked_for(runtime: AgentRuntime) -> None:
    calls: list[str] = []
    runtime.register_model("NEW", fails(ModelUnavailable("down", retry_after_s=0.0), calls), provider="only")
    with pytest.raises(ModelUnavailable):
        await runtime.use_model("NEW", {}, max_retries=3)
    assert len(calls) == 4


async def test_text_that_went_out_already_is_never_written_twice(runtime: AgentRuntime) -> None:
    heard: list[str] = []

    async def breaks_off(_: Any, params: Any) -> str:
        await params["on_delta"]("Once upon")
        raise ModelUnavailable("cut", retry_after_s=0.0)

    async def hear(piece: str) -> None:
        heard.append(piece)

    runtime.register_model("TEXT_LARGE", breaks_off, provider="first", priority=10)
    with pytest.raises(ModelUnavailable):
        await runtime.use_model("TEXT_LARGE", {"prompt": "x", "on_delta": hear})
    assert heard == ["Once upon"]


async def test_a_handlers_own_error_names_the_provider(runtime: AgentRuntime) -> None:
    runtime.register_model("NEW", fails(KeyError("choices")), provider="odd")
    with pytest.raises(ModelError, match="model provider 'odd' failed: KeyError: 'choices'"):
        await runtime.use_model("NEW", {})


async def test_model_settings_go_under_the_params(runtime: AgentRuntime) -> None:
    seen: list[Any] = []

    async def handler(_: Any, params: Any) -> str:
        seen.append(params)
        return ""

    runtime.set_setting("DEFAULT_TEMPERATURE", "0.1")
    runtime.set_setting("NEW_TEMPERATURE", "0.7")
    runtime.set_setting("DEFAULT_MAX_TOKENS", "100")
    runtime.register_model("NEW", handler)
    await runtime.use_model("NEW", {"max_tokens": 5})
    assert seen == [{"temperature": 0.7, "max_tokens": 5}]


async def test_a_handler_that_knows_only_prompt_reads_the_conversation_there(runtime: AgentRuntime) -> None:
    async def handler(_: Any, params: Any) -> str:
        return str(params.get("prompt"))

    runtime.register_model("NEW", handler)
    messages = [ChatMessage(role=ChatRole.SYSTEM, text="Be brief."), ChatMessage(role=ChatRole.USER, text="Hi")]
    assert await runtime.use_model("NEW", {"messages": messages}) == "Be brief.\n\nuser: Hi\n\nassistant:"


async def test_every_call_is_recorded_with_its_tokens(runtime: AgentRuntime) -> None:
    async def handler() -> TextResponse:
        return TextResponse(text="a", usage=Usage(input_tokens=3, output_tokens=1), model="m-1")

    told: list[Any] = []
    runtime.on("MODEL_USED", told.append)
    runtime.register_model("NEW", handler, provider="p")
    runtime.start_run()
    await runtime.use_model("NEW", {})
    scope = runtime.turn()
    assert scope is not None
    assert [(call.provider, call.model, call.usage.input_tokens) for call in scope.calls] == [("p", "m-1", 3)]
    assert scope.usage == Usage(input_tokens=3, output_tokens=1)
    assert told[0]["call"] is scope.calls[0]
    runtime.end_run()


async def test_generated_text_is_in_the_agents_voice(runtime: AgentRuntime) -> None:
    seen: list[Any] = []

    async def handler(_: Any, params: Any) -> str:
        seen.append(params)
        return "text"

    runtime.register_model("TEXT_LARGE", handler, priority=10)
    assert await runtime.generate_text("Write a line.") == "text"
    assert seen[0]["prompt"] == "Write a line."
    assert seen[0]["system"].startswith("You are Ada.")
