"""Parsing of a model call's params."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runtime_core.agent.model_params import embed_texts, embedding_texts, text_request, write_text
from runtime_core.domain.chat import (
    ChatMessage,
    ChatRole,
    EmbeddingResponse,
    OnDelta,
    TextRequest,
    TextResponse,
    ToolSpec,
)
from runtime_core.errors import InvalidInput


class Echo:
    """Model that answers with the last message, letter by letter."""

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        text = request.messages[-1].text
        if on_delta is not None:
            for letter in text:
                await on_delta(letter)
        return TextResponse(text=text)

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        return EmbeddingResponse(vectors=tuple((float(len(text)),) for text in texts))


def test_a_prompt_is_one_user_message_after_the_system_text() -> None:
    request = text_request({"prompt": "hello", "system": "Be brief."})
    assert [(each.role, each.text) for each in request.messages] == [
        (ChatRole.SYSTEM, "Be brief."),
        (ChatRole.USER, "hello"),
    ]


def test_messages_may_be_dicts_and_keep_their_own_system_message() -> None:
    request = text_request(
        {"messages": [{"role": "system", "text": "A"}, {"role": "user", "text": "B"}], "system": "C"}
    )
    assert request.messages == (
        ChatMessage(role=ChatRole.SYSTEM, text="A"),
        ChatMessage(role=ChatRole.USER, text="B"),
    )


def test_known_parameters_are_read_and_others_become_options() -> None:
    tool = ToolSpec(name="LOOK", description="Looks.", parameters={"type": "object"})
    request = text_request(
        {
            "prompt": "x",
            "tools": [tool],
            "model": "small",
            "temperature": 0,
            "max_tokens": 9,
            "stop": "END",
            "seed": 7,
            "top_p": None,
        }
    )
    assert request == TextRequest(
        messages=(ChatMessage(role=ChatRole.USER, text="x"),),
        tools=(tool,),
        model="small",
        temperature=0.0,
        max_tokens=9,
        stop=("END",),
        options={"seed": 7},
    )


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({}, "params"),
        ({"messages": []}, "params.messages"),
        ({"messages": "hello"}, "params.messages"),
        ({"messages": [{"role": "poet"}]}, "params.messages[0].role"),
        ({"prompt": "x", "temperature": "warm"}, "params.temperature"),
        ({"prompt": "x", "max_tokens": "many"}, "params.max_tokens"),
        ({"prompt": "x", "stop": 3}, "params.stop"),
        ({"prompt": 3}, "params.prompt"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        text_request(params)
    assert caught.value.path == path


async def test_the_shape_of_the_answer_follows_the_params() -> None:
    message = ChatMessage(role=ChatRole.USER, text="hi")
    assert await write_text(Echo(), {"prompt": "hi"}) == "hi"
    assert await write_text(Echo(), "hi") == "hi"
    assert await write_text(Echo(), {"messages": [message]}) == TextResponse(text="hi")


async def test_deltas_reach_the_listener_of_the_params() -> None:
    heard: list[str] = []

    async def listen(text: str) -> None:
        heard.append(text)

    await write_text(Echo(), {"prompt": "hi", "on_delta": listen})
    assert heard == ["h", "i"]
    with pytest.raises(InvalidInput, match="on_delta"):
        await write_text(Echo(), {"prompt": "hi", "on_delta": "loud"})


async def test_one_text_gets_its_vector_and_a_list_the_response() -> None:
    assert await embed_texts(Echo(), "abc") == (3.0,)
    assert await embed_texts(Echo(), {"text": "ab"}) == (2.0,)
    assert await embed_texts(Echo(), {"texts": ["a", "ab"]}) == EmbeddingResponse(vectors=((1.0,), (2.0,)))


@pytest.mark.parametrize("params", ["", " ", {}, {"texts": []}, {"text": None}, {"texts": ["a", ""]}])
def test_an_embedding_wants_text(params: Any) -> None:
    with pytest.raises(InvalidInput):
        embedding_texts(params)
