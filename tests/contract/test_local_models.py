"""Contracts and own promises of the local models."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from runtime_core.adapters.local import embedding
from runtime_core.adapters.local.embedding import LocalEmbeddingModel
from runtime_core.adapters.local.text_model import LocalTextModel
from runtime_core.domain.chat import (
    ChatMessage,
    ChatRole,
    EmbeddingResponse,
    ModelType,
    TextRequest,
    TextResponse,
    ToolCall,
)
from runtime_core.errors import ModelNotFound
from runtime_core.plugins.local import get_local_plugin
from runtime_core.ports import EmbeddingModel, TextModel
from runtime_core.testing.models import EmbeddingModelContract, TextModelContract

SYSTEM = ChatMessage(role=ChatRole.SYSTEM, text="You are Ada.\nBe brief.")


class TestLocalTextModel(TextModelContract):
    @pytest.fixture
    def text_model(self) -> TextModel:
        return LocalTextModel()


class TestLocalEmbeddingModel(EmbeddingModelContract):
    @pytest.fixture
    def embedding_model(self) -> EmbeddingModel:
        return LocalEmbeddingModel()


def user(text: str, name: str | None = None) -> ChatMessage:
    return ChatMessage(role=ChatRole.USER, text=text, name=name)


def assistant(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.ASSISTANT, text=text)


async def answer(*messages: ChatMessage) -> str:
    return (await LocalTextModel().complete(TextRequest(messages=messages))).text


async def chat(*texts: str, kept: int = 100) -> list[str]:
    """Chat with requests of the `kept` newest messages, as in a stored conversation."""
    history: list[ChatMessage] = []
    for text in texts:
        history.append(user(text))
        history.append(assistant(await answer(SYSTEM, *history[-kept:])))
    return [message.text for message in history[1::2]]


async def test_equal_requests_get_equal_answers_from_any_model() -> None:
    messages = [SYSTEM, user("I miss my dog"), assistant("Tell me."), user("hm")]
    assert await answer(*messages) == await answer(*messages)


async def test_answers_take_turns_across_requests() -> None:
    said = await chat(*["maybe"] * 4)
    assert len(set(said)) == 4


async def test_answers_take_turns_also_when_the_beginning_is_no_longer_there() -> None:
    said = await chat(*["maybe"] * 20, kept=7)
    assert all(len(set(said[start : start + 4])) == 4 for start in range(16))


async def test_a_statement_is_recalled_across_requests() -> None:
    said = await chat("My sister lives in Rome", "yes", "it is so")
    assert said[-1] == "Earlier you said your sister lives in Rome. Does that have to do with this?"


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("You are Ada.", "I am Ada. And who are you?"),
        ("You are Ada Lovelace.\nYou like engines.", "I am Ada Lovelace. And who are you?"),
        ("You are Dr. Ada, a doctor.", "I am Dr. Ada. And who are you?"),
        ("You are ada.", "I am ada. And who are you?"),
        ("You are a helpful assistant.", "I am a small program that listens and asks. Shall we talk about you?"),
        ("Be brief.", "I am a small program that listens and asks. Shall we talk about you?"),
    ],
)
async def test_it_introduces_itself_with_the_characters_name(system: str, expected: str) -> None:
    assert await answer(ChatMessage(role=ChatRole.SYSTEM, text=system), user("who are you?")) == expected


async def test_users_of_one_room_are_told_apart_by_name() -> None:
    messages = [SYSTEM, user("My sister lives in Rome", "Ben"), user("hello", "Cleo"), assistant("Hello.")]
    assert "Ben" in await answer(*messages, user("who am I?", "Ben"))
    assert "sister" not in await answer(*messages, user("it is so", "Cleo"))
    assert "sister" in await answer(*messages, user("it is so", "Ben"))


async def test_a_name_on_the_last_message_alone_is_the_name_of_the_only_user() -> None:
    messages = [SYSTEM, user("My sister lives in Rome"), assistant("Tell me."), user("hello"), assistant("Hello.")]
    assert "sister" in await answer(*messages, user("it is so", "Ben"))
    assert "Ben" in await answer(*messages, user("who am I?", "Ben"))


async def test_in_a_shared_room_the_speaker_stands_before_the_text() -> None:
    messages = [SYSTEM, user("Ben: My sister lives in Rome"), user("Cleo: hello"), assistant("Hello.")]
    assert "sister" not in await answer(*messages, user("Cleo: it is so", "Cleo"))
    assert "sister" in await answer(*messages, user("Ben: it is so", "Ben"))
    assert await answer(*messages, user("Ben: who are you?", "Ben")) == (
        "I am Ada, a small program that listens and asks. What is on your mind?"
    )


async def test_a_conversation_that_ends_with_tool_results_is_answer() -> None:
    call = ToolCall(id="1", name="FOLLOW_ROOM")
    messages = (
        user("My sister is ill"),
        ChatMessage(role=ChatRole.ASSISTANT, tool_calls=(call,)),
        ChatMessage(role=ChatRole.TOOL, text='{"success": true}', tool_call_id="1"),
    )
    assert await answer(*messages) == await answer(user("My sister is ill")) != ""


@pytest.mark.parametrize("messages", [(), (SYSTEM,), (SYSTEM, assistant("Hi, I am Ada."))])
async def test_it_opens_a_conversation_in_which_no_user_spoke(messages: Sequence[ChatMessage]) -> None:
    assert await answer(*messages) == "Hello. What would you like to talk about?"


async def test_text_comes_word_by_word() -> None:
    pieces: list[str] = []

    async def listen(piece: str) -> None:
        pieces.append(piece)

    response = await LocalTextModel().complete(TextRequest(messages=[user("how are you?")]), on_delta=listen)
    assert pieces == ["I ", "am ", "well, ", "thank ", "you. ", "And ", "you?"]
    assert "".join(pieces) == response.text


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_near_meanings_have_near_vectors() -> None:
    texts = [
        "cat",
        "kitten",
        "tax",
        "The cat sleeps on the sofa.",
        "A kitten is napping on the couch.",
        "Taxes are due.",
    ]
    cat, kitten, tax, sleeps, napping, due = (await LocalEmbeddingModel().embed(texts)).vectors
    assert cosine(cat, kitten) > cosine(cat, tax) + 0.2
    assert cosine(sleeps, napping) > cosine(sleeps, due) + 0.2


@pytest.mark.parametrize(
    "text", ["a", " ", "\x00", "\U0001f600", "你好", "Привет", "word " * 20_000, "x" * 50_000, "?!"]
)
async def test_every_text_has_a_vector_of_unit_length(text: str) -> None:
    vector = (await LocalEmbeddingModel().embed([text])).vectors[0]
    assert len(vector) == 256
    assert cosine(vector, vector) == pytest.approx(1.0, abs=1e-9)


async def test_loading_word_vectors_leaves_logging_alone() -> None:
    code = (
        "import asyncio, logging\n"
        "from runtime_core.adapters.local.embedding import LocalEmbeddingModel\n"
        "asyncio.run(LocalEmbeddingModel().embed(['x']))\n"
        "assert logging.getLogger().handlers == [], logging.getLogger().handlers\n"
        f"assert logging.getLogger().level == {logging.WARNING}\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: ASYNC221 - nothing else runs
    assert run.returncode == 0, run.stderr


async def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFound, match=r"pip install 'mayfly\[local\]'"):
        await LocalEmbeddingModel().embed(["x"])


async def test_the_plugin_answers_as_every_provider_does() -> None:
    plugin = get_local_plugin()
    assert (plugin.name, plugin.priority, plugin.model_priority) == ("local", -50, -10)
    models: Mapping[str, Any] = plugin.models
    write, embed = models[ModelType.TEXT_SMALL], models[ModelType.TEXT_EMBEDDING]
    assert await write(None, {"prompt": "how are you?"}) == "I am well, thank you. And you?"
    assert isinstance(await write(None, {"messages": [user("hello")]}), TextResponse)
    assert len(await embed(None, "tea")) == 256
    assert await embed(None, {"text": "tea"}) == await embed(None, "tea")
    response = await embed(None, {"texts": ["tea", "coffee"]})
    assert isinstance(response, EmbeddingResponse)
    assert len(response.vectors) == 2


def test_importing_the_plugin_loads_neither_script_nor_vectors() -> None:
    code = (
        "import sys\n"
        "from runtime_core.plugins.local import get_local_plugin\n"
        "get_local_plugin()\n"
        "heavy = {'tomllib', 'numpy', 'wordllama', 'tokenizers', 'requests'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
