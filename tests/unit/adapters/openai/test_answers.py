"""Answers in the shapes of different servers."""

from __future__ import annotations

from typing import Any

import pytest

from runtime_core.adapters.openai.answers import StreamedAnswer, read_completion, read_usage
from runtime_core.adapters.openai.call import Asked
from runtime_core.domain.chat import NO_USAGE, TextResponse, Usage
from runtime_core.errors import ModelAnswerMalformed

ASKED = Asked(base_url="http://127.0.0.1/v1", model="asked")


def completion(message: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, **choice}]}


def streamed(*deltas: dict[str, Any], finish_reason: str = "tool_calls") -> TextResponse:
    answer = StreamedAnswer(ASKED)
    for delta in deltas:
        answer.add({"choices": [{"delta": delta}]})
    answer.add({"choices": [{"delta": {}, "finish_reason": finish_reason}]})
    return answer.finish()


def piece(arguments: Any = None, *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{**fields, "function": {"name": name, "arguments": arguments}}]}


def test_a_choice_without_a_finish_reason_is_finished() -> None:
    assert read_completion(completion({"content": "hi"}, finish_reason=None), ASKED).finish_reason == "stop"


def test_an_answer_without_a_model_has_the_one_asked_for() -> None:
    assert read_completion(completion({"content": "hi"}), ASKED).model == "asked"


def test_text_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]

    assert read_completion(completion({"content": parts}), ASKED).text == "one two"


@pytest.mark.parametrize(
    ("arguments", "read"), [("", "{}"), (None, "{}"), ({"a": "é"}, '{"a": "é"}'), ('{"a":', '{"a":')]
)
def test_arguments_become_text(arguments: Any, read: str) -> None:
    call = {"function": {"name": "X", "arguments": arguments}}

    (made,) = read_completion(completion({"content": None, "tool_calls": [call]}), ASKED).tool_calls

    assert (made.id, made.name, made.arguments) == ("call_0", "X", read)


@pytest.mark.parametrize(
    "calls", [5, [5], [{}], [{"function": {"name": ""}}], [{"function": {"name": "X", "arguments": 5}}]]
)
def test_tool_calls_of_another_shape_are_malformed(calls: Any) -> None:
    with pytest.raises(ModelAnswerMalformed):
        read_completion(completion({"content": "hi", "tool_calls": calls}), ASKED)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, NO_USAGE),
        ("many", NO_USAGE),
        ({"prompt_tokens": 3}, Usage(input_tokens=3)),
        (
            {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": None},
            Usage(input_tokens=3, output_tokens=4),
        ),
        (
            {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
            Usage(input_tokens=3, cached_input_tokens=2),
        ),
    ],
)
def test_usage_is_what_the_answer_says_of_it(given: Any, read: Usage) -> None:
    assert read_usage(given) == read


def test_streamed_calls_interleaved_by_index() -> None:
    response = streamed(
        piece("", index=0, id="a", name="X"),
        piece("", index=1, id="b", name="Y"),
        piece('{"n":', index=0),
        piece('{"m":', index=1),
        piece("1}", index=0),
        piece("2}", index=1),
    )

    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [
        ("a", "X", '{"n":1}'),
        ("b", "Y", '{"m":2}'),
    ]


def test_streamed_calls_without_an_index() -> None:
    response = streamed(piece('{"n":', id="a", name="X"), piece("1}"), piece("{}", id="b", name="Y"))

    assert [(call.id, call.arguments) for call in response.tool_calls] == [("a", '{"n":1}'), ("b", "{}")]


def test_streamed_calls_that_share_an_index() -> None:
    response = streamed(piece('{"n":1}', index=0, id="a", name="X"), piece('{"n":2}', index=0, id="b", name="X"))

    assert [(call.id, call.arguments) for call in response.tool_calls] == [("a", '{"n":1}'), ("b", '{"n":2}')]


def test_a_streamed_id_that_comes_with_every_piece_is_one_call() -> None:
    response = streamed(piece('{"n":', index=0, id="a", name="X"), piece("1}", index=0, id="a"))

    assert [(call.id, call.arguments) for call in response.tool_calls] == [("a", '{"n":1}')]
