# ruff: noqa: S101 - asserts are what a contract is made of
"""Contracts of text and embedding models."""

from __future__ import annotations

import asyncio
import math

import pytest

from runtime_core.domain.chat import ChatMessage, ChatRole, TextRequest, ToolCall, ToolSpec
from runtime_core.errors import DeadlineExceeded
from runtime_core.ports import EmbeddingModel, TextModel
from runtime_core.support.deadline import Deadline, deadline


def question(text: str = "How are you today?") -> TextRequest:
    """Make a request with a system message and a user's question."""
    return TextRequest(
        messages=(
            ChatMessage(role=ChatRole.SYSTEM, text="You are Ada, who answers in a few words."),
            ChatMessage(role=ChatRole.USER, text=text),
        )
    )


class TextModelContract:
    """Contract of a text model.

    It needs a fixture `text_model` that answers in text.
    """

    async def test_a_question_is_answered_in_text(self, text_model: TextModel) -> None:
        response = await text_model.complete(question())

        assert response.text.strip()
        assert response.tool_calls == ()
        assert response.finish_reason == "stop"

    async def test_the_answer_names_its_model(self, text_model: TextModel) -> None:
        assert (await text_model.complete(question())).model

    async def test_the_deltas_are_the_answer_in_pieces(self, text_model: TextModel) -> None:
        deltas: list[str] = []

        async def listen(delta: str) -> None:
            deltas.append(delta)

        response = await text_model.complete(question(), on_delta=listen)

        assert all(deltas)
        assert "".join(deltas) == response.text != ""

    async def test_what_the_listener_raises_reaches_the_caller(self, text_model: TextModel) -> None:
        async def hang_up(_: str) -> None:
            raise ConnectionResetError("the listener is gone")

        with pytest.raises(ConnectionResetError, match="the listener is gone"):
            await text_model.complete(question(), on_delta=hang_up)

        assert (await text_model.complete(question())).text, "the model is of use afterwards"

    async def test_a_conversation_with_tools_and_their_results_is_taken(self, text_model: TextModel) -> None:
        call = ToolCall(id="call_1", name="LOOK_UP", arguments='{"city":"Paris"}')
        request = TextRequest(
            messages=(
                *question("Hello").messages,
                ChatMessage(role=ChatRole.ASSISTANT, text="Hello to you"),
                ChatMessage(role=ChatRole.USER, text="How is the weather in Paris?", name="Grace"),
                ChatMessage(role=ChatRole.ASSISTANT, tool_calls=(call,)),
                ChatMessage(role=ChatRole.TOOL, text="18 degrees", tool_call_id="call_1"),
            ),
            tools=(ToolSpec(name="LOOK_UP", description="Look it up", parameters={"type": "object"}),),
        )

        response = await text_model.complete(request)

        assert response.text or response.tool_calls

    async def test_usage_counts_tokens(self, text_model: TextModel) -> None:
        usage = (await text_model.complete(question())).usage

        assert 0 <= usage.cached_input_tokens <= usage.input_tokens
        assert usage.output_tokens >= 0

    async def test_without_time_left_nothing_is_asked(self, text_model: TextModel) -> None:
        with deadline(Deadline.after(0)), pytest.raises(DeadlineExceeded):
            await text_model.complete(question())

    async def test_several_questions_at_once_are_all_answered(self, text_model: TextModel) -> None:
        responses = await asyncio.gather(*(text_model.complete(question()) for _ in range(5)))

        assert all(response.text for response in responses)


class EmbeddingModelContract:
    """Contract of an embedding model; needs a fixture `embedding_model`."""

    async def test_each_text_has_a_vector_of_one_dimension(self, embedding_model: EmbeddingModel) -> None:
        response = await embedding_model.embed(["a cat", "a dog", "the stock market"])

        assert len(response.vectors) == 3
        assert len({len(vector) for vector in response.vectors}) == 1
        assert all(math.isfinite(number) for vector in response.vectors for number in vector)
        assert response.model

    async def test_vectors_stand_in_the_order_of_the_texts(self, embedding_model: EmbeddingModel) -> None:
        forward = await embedding_model.embed(["a cat", "the stock market"])
        backward = await embedding_model.embed(["the stock market", "a cat"])

        assert forward.vectors[0] == pytest.approx(backward.vectors[1], abs=1e-5)
        assert forward.vectors[1] == pytest.approx(backward.vectors[0], abs=1e-5)
        assert forward.vectors[0] != pytest.approx(forward.vectors[1], abs=1e-5)

    async def test_one_text_among_many_has_the_vector_it_has_alone(self, embedding_model: EmbeddingModel) -> None:
        texts = [f"text number {number}" for number in range(50)]

        many = await embedding_model.embed(texts)
        alone = await embedding_model.embed([texts[31]])

        assert many.vectors[31] == pytest.approx(alone.vectors[0], abs=1e-5)

    async def test_without_time_left_nothing_is_asked(self, embedding_model: EmbeddingModel) -> None:
        with deadline(Deadline.after(0)), pytest.raises(DeadlineExceeded):
            await embedding_model.embed(["a cat"])
