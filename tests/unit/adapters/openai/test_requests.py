"""Bodies of requests."""

from __future__ import annotations

from typing import Any

import pytest

from runtime_core.adapters.openai.requests import chat_body, embedding_body, encode
from runtime_core.domain.chat import ChatMessage, ChatRole, TextRequest
from runtime_core.errors import InvalidInput

OPENAI = "https://api.openai.com/v1"
ELSEWHERE = "http://127.0.0.1:8000/v1"


def body(*, model: str, base_url: str, **fields: Any) -> dict[str, Any]:
    request = TextRequest(
        messages=[ChatMessage(role=ChatRole.USER, text="Hello", name=fields.pop("name", None))], **fields
    )
    return chat_body(request, model=model, base_url=base_url, stream=False)


@pytest.mark.parametrize(
    ("model", "base_url", "name"),
    [
        ("gpt-4o-mini", OPENAI, "max_completion_tokens"),
        ("gpt-4o-mini", "https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("gpt-5", OPENAI, "max_completion_tokens"),
        ("gpt-5-mini", ELSEWHERE, "max_completion_tokens"),
        ("openai/o4-mini", ELSEWHERE, "max_completion_tokens"),
        ("gpt-oss-20b", ELSEWHERE, "max_tokens"),
        ("meta-llama/Llama-3.1-8B", ELSEWHERE, "max_tokens"),
        ("gpt-4o-mini", "https://api.openai.com.example.org/v1", "max_tokens"),
    ],
)
def test_the_token_limit_has_the_name_that_the_server_takes(model: str, base_url: str, name: str) -> None:
    sent = body(model=model, base_url=base_url, max_tokens=9)

    assert {key: value for key, value in sent.items() if key.startswith("max")} == {name: 9}


@pytest.mark.parametrize(
    ("model", "is_sent"),
    [
        ("gpt-5", False),
        ("o3", False),
        ("ft:o4-mini:mine", False),
        ("gpt-5-chat-latest", True),
        ("gpt-4.1", True),
        ("omni", True),
    ],
)
def test_reasoning_models_get_no_sampling_parameters(model: str, is_sent: bool) -> None:
    sent = body(
        model=model, base_url=OPENAI, temperature=0.5, options={"top_p": 0.5, "frequency_penalty": 0.1, "seed": 3}
    )

    assert ("temperature" in sent, "top_p" in sent, "frequency_penalty" in sent) == (is_sent,) * 3
    assert sent["seed"] == 3


def test_zero_is_a_temperature() -> None:
    assert body(model="m", base_url=ELSEWHERE, temperature=0.0)["temperature"] == 0.0


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Grace", "Grace"),
        ("Grace Hopper", "Grace_Hopper"),
        ("<a|b>", "_a_b_"),
        ("x" * 99, "x" * 64),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_a_speakers_name_has_only_what_the_api_takes(name: str | None, sent: str | None) -> None:
    assert body(model="m", base_url=ELSEWHERE, name=name)["messages"][0].get("name") == sent


def test_the_conversation_comes_last() -> None:
    assert list(body(model="m", base_url=ELSEWHERE, options={"z": 1, "b": 2}, temperature=1.0)) == [
        "model",
        "temperature",
        "b",
        "z",
        "messages",
    ]
    assert list(embedding_body(["a"], model="m", dimension=3))[-1] == "input"


def test_bytes_are_utf_8_without_needless_blanks() -> None:
    assert encode({"a": ["é", 1]}) == '{"a":["é",1]}'.encode()


def test_half_a_surrogate_pair_does_not_stop_a_request() -> None:
    assert encode({"a": "x\ud800"}) == b'{"a":"x?"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        encode({"a": value})
