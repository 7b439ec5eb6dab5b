"""Contract of the OpenAI-compatible models over HTTP, for both adapters."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias

import pytest

from runtime_core.adapters.http_client import HttpClient
from runtime_core.adapters.openai.sdk import SdkModel, make_client
from runtime_core.adapters.openai.wire import WireModel
from runtime_core.domain.chat import ChatMessage, ChatRole, TextRequest, ToolCall, ToolSpec, Usage
from runtime_core.errors import (
    InvalidInput,
    ModelAnswerMalformed,
    ModelAnswerTruncated,
    ModelAuthenticationFailed,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelRequestRejected,
    ModelTimeout,
    ModelUnavailable,
)
from runtime_core.support.deadline import Deadline, deadline
from runtime_core.testing.models import EmbeddingModelContract, TextModelContract, question
from tests.model_answers import Answer, Gate, Reply, connection_reset, embeddings, failure, held, json_answer, raw
from tests.model_server import EMBEDDINGS, ScriptedModelServer

KEY = "sk-made-up-for-the-tests-0123456789"
SECRET = "My grandmother's maiden name is Quillfeather and she lived in Reykjavik"
EVENTS = {"content-type": "text/event-stream"}
Model: TypeAlias = WireModel | SdkModel


@dataclass(frozen=True)
class Opener:
    """Factory of models of one adapter, all on one HTTP client."""

    adapter: str
    http: HttpClient
    server: ScriptedModelServer

    def __call__(self, **options: Any) -> Model:
        named = {"model": "scripted", "embedding_model": "scripted-embedding", "timeout_s": 20.0, **options}
        base_url = named.pop("base_url", self.server.base_url)
        if self.adapter == "wire":
            return WireModel(self.http, base_url=base_url, api_key=KEY, **named)
        return SdkModel(make_client(self.http, base_url=base_url, api_key=KEY), **named)


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(api_key=KEY) as server:
        yield server


@pytest.fixture(params=["wire", "sdk"])
async def opener(request: pytest.FixtureRequest, server: ScriptedModelServer) -> AsyncIterator[Opener]:
    async with HttpClient() as http:
        yield Opener(request.param, http, server)


@pytest.fixture
def model(opener: Opener) -> Model:
    return opener()


class TestText(TextModelContract):
    @pytest.fixture
    def text_model(self, model: Model) -> Model:
        return model


class TestEmbeddings(EmbeddingModelContract):
    @pytest.fixture
    def embedding_model(self, model: Model) -> Model:
        return model


async def stream(model: Model, request: TextRequest) -> tuple[list[str], Any]:
    """Stream an answer; returns its deltas and its response."""
    deltas: list[str] = []

    async def listen(delta: str) -> None:
        deltas.append(delta)

    return deltas, await model.complete(request, on_delta=listen)


WEATHER = ToolSpec(
    name="WEATHER",
    description="Tell the weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


class TestWhatIsSent:
    async def test_roles_tools_and_results_go_out_in_the_protocols_form(
        self, model: Model, server: ScriptedModelServer
    ) -> None:
        call = ToolCall(id="call_9", name="WEATHER", arguments='{"city":"Oslo"}')
        await model.complete(
            TextRequest(
                messages=(
                    ChatMessage(role=ChatRole.SYSTEM, text="Be brief."),
                    ChatMessage(role=ChatRole.USER, text="Weather in Oslo? ☂", name="Grace <H>"),
                    ChatMessage(role=ChatRole.ASSISTANT, tool_calls=(call,)),
                    ChatMessage(role=ChatRole.TOOL, text="rain", tool_call_id="call_9"),
                ),
                tools=(WEATHER,),
                temperature=0.2,
                max_tokens=50,
                stop=("END",),
                options={"seed": 7},
            )
        )

        assert server.chats[-1] == {
            "model": "scripted",
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "WEATHER",
                        "description": "Tell the weather",
                        "parameters": WEATHER.parameters,
                    },
                }
            ],
            "tool_choice": "auto",
            "temperature": 0.2,
            "max_tokens": 50,
            "stop": ["END"],
            "seed": 7,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather in Oslo? ☂", "name": "Grace_H_"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_9",
                            "type": "function",
                            "function": {"name": "WEATHER", "arguments": '{"city":"Oslo"}'},
                        }
                    ],
                },
                {"role": "tool", "content": "rain", "tool_call_id": "call_9"},
            ],
        }
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"

    async def test_the_same_request_is_the_same_bytes(self, model: Model, server: ScriptedModelServer) -> None:
        request = replace(question(), tools=(WEATHER,), options={"seed": 1, "user": "x"})

        await model.complete(request)
        await model.complete(replace(request, options={"user": "x", "seed": 1}))

        assert server.requests[0].body == server.requests[1].body

    async def test_a_request_may_name_another_model(self, model: Model, server: ScriptedModelServer) -> None:
        response = await model.complete(replace(question(), model="another"))

        assert server.chats[-1]["model"] == "another"
        assert response.model == "another"

    @pytest.mark.parametrize("suffix", ["", "/"])
    @pytest.mark.parametrize("path", ["", "/v1"])
    async def test_the_base_url_may_end_in_several_ways(
        self, opener: Opener, server: ScriptedModelServer, path: str, suffix: str
    ) -> None:
        base_url = server.base_url.removesuffix("/v1") + path + suffix

        await opener(base_url=base_url).complete(question())

        assert server.requests[-1].path == "/v1/chat/completions"

    async def test_a_stream_is_asked_for_only_when_someone_listens(
        self, model: Model, server: ScriptedModelServer
    ) -> None:
        await model.complete(question())
        await stream(model, question())

        assert "stream" not in server.chats[0]
        assert server.chats[1]["stream"] is True
        assert server.chats[1]["stream_options"] == {"include_usage": True}

    async def test_calls_in_a_row_share_one_connection(self, model: Model, server: ScriptedModelServer) -> None:
        for _ in range(5):
            await model.complete(question())
            await stream(model, question())
        await model.embed(["a cat"])

        assert server.request_count == 11
        assert server.connection_count == 1

    async def test_a_connection_that_died_idle_is_replaced(self, model: Model, server: ScriptedModelServer) -> None:
        await asyncio.gather(*(model.complete(question()) for _ in range(3)))
        server.drop_connections()

        responses = await asyncio.gather(*(model.complete(question()) for _ in range(3)))

        assert all(response.text for response in responses)

    async def test_options_may_not_replace_what_has_its_own_field(
        self, model: Model, server: ScriptedModelServer
    ) -> None:
        with pytest.raises(InvalidInput, match=r"options\.messages"):
            await model.complete(replace(question(), options={"messages": []}))
        with pytest.raises(InvalidInput, match="JSON"):
            await model.complete(replace(question(), options={"seed": object()}))

        assert server.request_count == 0


class TestWhatComesBack:
    async def test_text_usage_and_model(self, model: Model, server: ScriptedModelServer) -> None:
        server.script(Reply(text="Fine ☀", usage=(120, 9, 64), model="scripted-2026-01-01"))

        response = await model.complete(question())

        assert response.text == "Fine ☀"
        assert response.usage == Usage(input_tokens=120, output_tokens=9, cached_input_tokens=64)
        assert response.model == "scripted-2026-01-01"
        assert response.finish_reason == "stop"

    async def test_native_tool_calls(self, model: Model, server: ScriptedModelServer) -> None:
        server.script(Reply(text=None, tool_calls=[("WEATHER", {"city": "Oslo"}), ("WEATHER", {"city": "Rome"})]))

        response = await model.complete(replace(question(), tools=(WEATHER,)))

        assert response.text == ""
        assert response.finish_reason == "tool_calls"
        assert [(each.id, each.name, json.loads(each.arguments)) for each in response.tool_calls] == [
            ("call_0", "WEATHER", {"city": "Oslo"}),
            ("call_1", "WEATHER", {"city": "Rome"}),
        ]

    async def test_streamed_tool_calls_are_put_together(self, model: Model, server: ScriptedModelServer) -> None:
        calls = [("WEATHER", {"city": "Ørsta"}), ("WEATHER", {"city": "Rome"})]
        server.script(Reply(text="One moment", tool_calls=calls, write_bytes=7))

        deltas, response = await stream(model, replace(question(), tools=(WEATHER,)))

        assert "".join(deltas) == response.text == "One moment"
        assert [(each.id, json.loads(each.arguments)) for each in response.tool_calls] == [
            ("call_0", {"city": "Ørsta"}),
            ("call_1", {"city": "Rome"}),
        ]

    async def test_deltas_come_while_the_model_still_writes(self, model: Model, server: ScriptedModelServer) -> None:
        gate, first = Gate(), asyncio.Event()
        server.script(held(Reply(text="one two three"), gate, after=2))
        deltas: list[str] = []

        async def listen(delta: str) -> None:
            deltas.append(delta)
            first.set()

        call = asyncio.create_task(model.complete(question(), on_delta=listen))
        async with asyncio.timeout(10):
            await first.wait()
            assert deltas == ["one "]
            gate.open()
            response = await call

        assert deltas == ["one ", "two ", "three"]
        assert response.text == "one two three"

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", write_bytes=1), id="each byte alone"),
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", write_bytes=5, newline="\r\n"), id="CR LF"),
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", write_bytes=5, newline="\r"), id="CR"),
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", comments=True), id="comments"),
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", done=False), id="no DONE"),
            pytest.param(Reply(text="Äpfel ☃ 🎈 ende", write_bytes=100_000), id="all at once"),
        ],
    )
    async def test_a_stream_is_read_however_it_is_cut(
        self, model: Model, server: ScriptedModelServer, reply: Reply
    ) -> None:
        server.script(replace(reply, usage=(5, 6, 1)))

        deltas, response = await stream(model, question())

        assert deltas == ["Äpfel ", "☃ ", "🎈 ", "ende"]
        assert response.text == "Äpfel ☃ 🎈 ende"
        assert response.usage == Usage(input_tokens=5, output_tokens=6, cached_input_tokens=1)


FAILURES = [
    pytest.param(failure(400), ModelRequestRejected, False, 400, id="400"),
    pytest.param(failure(401), ModelAuthenticationFailed, False, 401, id="401"),
    pytest.param(failure(403), ModelAuthenticationFailed, False, 403, id="403"),
    pytest.param(failure(404), ModelRequestRejected, False, 404, id="404"),
    pytest.param(failure(408), ModelUnavailable, True, 408, id="408"),
    pytest.param(failure(409), ModelRequestRejected, True, 409, id="409"),
    pytest.param(failure(413), ModelRequestRejected, False, 413, id="413"),
    pytest.param(failure(422), ModelRequestRejected, False, 422, id="422"),
    pytest.param(failure(429), ModelRateLimited, True, 429, id="429"),
    pytest.param(failure(429, code="insufficient_quota"), ModelRateLimited, False, 429, id="429 quota"),
    pytest.param(failure(500), ModelUnavailable, True, 500, id="500"),
    pytest.param(failure(503), ModelUnavailable, True, 503, id="503"),
    pytest.param(failure(529), ModelUnavailable, True, 529, id="529"),
    pytest.param(failure(500, headers={"x-should-retry": "false"}), ModelUnavailable, False, 500, id="x-should-retry"),
    pytest.param(failure(400, headers={"x-should-retry": "true"}), ModelRequestRejected, True, 400, id="told to"),
    pytest.param(
        raw(b"<h1>Bad gateway</h1>", status=502, headers={"content-type": "text/html"}),
        ModelUnavailable,
        True,
        502,
        id="502 HTML",
    ),
    pytest.param(raw(b"", status=500), ModelUnavailable, True, 500, id="500 empty"),
    pytest.param(raw(b"{nope"), ModelAnswerMalformed, True, None, id="malformed JSON"),
    pytest.param(raw(b""), ModelAnswerMalformed, True, None, id="no body"),
    pytest.param(raw(b"[" * 100_000), ModelAnswerMalformed, True, None, id="deep JSON"),
    pytest.param(
        raw(b"<html></html>", headers={"content-type": "text/html"}), ModelAnswerMalformed, True, None, id="HTML"
    ),
    pytest.param(json_answer([1]), ModelAnswerMalformed, True, None, id="not an object"),
    pytest.param(json_answer({"choices": []}), ModelAnswerMalformed, True, None, id="no choices"),
    pytest.param(json_answer({"choices": [{"message": "hi"}]}), ModelAnswerMalformed, True, None, id="message is text"),
    pytest.param(
        json_answer({"choices": [{"message": {"content": 5}}]}),
        ModelAnswerMalformed,
        True,
        None,
        id="content is a number",
    ),
    pytest.param(
        json_answer({"error": {"message": "busy", "code": 503}}), ModelUnavailable, True, 503, id="error with 200"
    ),
    pytest.param(Reply(text=""), ModelAnswerMalformed, True, None, id="empty"),
    pytest.param(Reply(text=None), ModelAnswerMalformed, True, None, id="null"),
    pytest.param(Reply(text=" \n"), ModelAnswerMalformed, True, None, id="blank"),
    pytest.param(Reply(text=None, refusal="I can't help with that"), ModelRefused, False, None, id="refusal"),
    pytest.param(Reply(text="so", finish_reason="content_filter"), ModelRefused, False, None, id="content filter"),
    pytest.param(Reply(text="half an ans", finish_reason="length"), ModelAnswerTruncated, False, None, id="length"),
    pytest.param(connection_reset(), ModelUnavailable, True, None, id="reset"),
    pytest.param(Reply(text="Fine, thank you", cut=True), ModelUnavailable, True, None, id="cut"),
]

STREAM_FAILURES = [
    pytest.param(Reply(text="a b c", stop_after=3, cut=True), ModelUnavailable, True, id="cut"),
    pytest.param(Reply(text="a b c", stop_after=3), ModelUnavailable, True, id="ended early"),
    pytest.param(Reply(stop_after=0), ModelUnavailable, True, id="no event"),
    pytest.param(raw(b"data: {nope\n\n", headers=EVENTS), ModelAnswerMalformed, True, id="malformed JSON"),
    pytest.param(raw(b"data: \xff\xfe\n\n", headers=EVENTS), ModelAnswerMalformed, True, id="not UTF-8"),
    pytest.param(raw(b"data: [1]\n\n", headers=EVENTS), ModelAnswerMalformed, True, id="not an object"),
    pytest.param(
        raw(b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n', headers=EVENTS),
        ModelUnavailable,
        True,
        id="error event",
    ),
    pytest.param(
        raw(b'data: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n', headers=EVENTS),
        ModelRateLimited,
        True,
        id="rate limit event",
    ),
    pytest.param(Reply(text=""), ModelAnswerMalformed, True, id="empty"),
    pytest.param(Reply(text="", refusal="I can't help with that"), ModelRefused, False, id="refusal"),
    pytest.param(Reply(text="half an ans", finish_reason="length"), ModelAnswerTruncated, False, id="length"),
    pytest.param(Reply(text="so", finish_reason="content_filter"), ModelRefused, False, id="content filter"),
    pytest.param(failure(429), ModelRateLimited, True, id="429"),
    pytest.param(failure(500), ModelUnavailable, True, id="500"),
]


class TestFailures:
    @pytest.mark.parametrize(("answer", "kind", "retryable", "status"), FAILURES)
    async def test_each_failure_is_one_of_our_errors(
        self,
        model: Model,
        server: ScriptedModelServer,
        answer: Answer,
        kind: type[ModelError],
        retryable: bool,
        status: int | None,
    ) -> None:
        server.script(answer)

        with pytest.raises(ModelError) as caught:
            await model.complete(question(SECRET))

        assert type(caught.value) is kind
        assert caught.value.retryable is retryable
        assert caught.value.status == status
        assert server.request_count == 1, "retrying is not the adapter's business"

    @pytest.mark.parametrize(("answer", "kind", "retryable"), STREAM_FAILURES)
    async def test_each_failure_of_a_stream_is_one_of_our_errors(
        self, model: Model, server: ScriptedModelServer, answer: Answer, kind: type[ModelError], retryable: bool
    ) -> None:
        server.script(answer)

        with pytest.raises(ModelError) as caught:
            await stream(model, question(SECRET))

        assert type(caught.value) is kind
        assert caught.value.retryable is retryable
        assert (await model.complete(question())).text, "the model is of use afterwards"

    async def test_a_wrong_key_names_the_setting(self, model: Model, server: ScriptedModelServer) -> None:
        server.api_key = "another"

        with pytest.raises(ModelAuthenticationFailed, match="OPENAI_API_KEY"):
            await model.complete(question())

    async def test_an_unknown_model_is_named_with_the_base_url(self, model: Model, server: ScriptedModelServer) -> None:
        server.script(failure(404, code="model_not_found"))

        with pytest.raises(ModelRequestRejected, match=r"'scripted'.*model_not_found") as caught:
            await model.complete(question())

        assert server.base_url in str(caught.value)

    @pytest.mark.parametrize(
        ("headers", "retry_after_s"),
        [
            ({}, None),
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
            ({"retry-after": "-4"}, 0.0),
            ({"retry-after": "soon"}, None),
            ({"retry-after": format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)}, 0.0),
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    async def test_the_wait_that_the_provider_asks_for_is_kept(
        self,
        model: Model,
        server: ScriptedModelServer,
        headers: dict[str, str],
        retry_after_s: float | None,
        status: int,
    ) -> None:
        server.script(failure(status, headers=headers))

        with pytest.raises(ModelError) as caught:
            await model.complete(question())

        assert caught.value.retry_after_s == retry_after_s

    async def test_what_was_written_before_the_limit_is_kept(self, model: Model, server: ScriptedModelServer) -> None:
        server.answer_with(Reply(text="half an ans", finish_reason="length"))

        with pytest.raises(ModelAnswerTruncated) as whole:
            await model.complete(question())
        with pytest.raises(ModelAnswerTruncated) as streamed:
            await stream(model, question())

        assert whole.value.partial == streamed.value.partial == "half an ans"

    async def test_a_refusal_says_what_the_model_said(self, model: Model, server: ScriptedModelServer) -> None:
        server.script(Reply(text=None, refusal="I can't help with that"))

        with pytest.raises(ModelRefused, match="I can't help with that"):
            await model.complete(question())

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
    @pytest.mark.parametrize(
        "message",
        [
            f"Incorrect API key provided: {KEY}",
            f"Invalid input: {SECRET}",
            f"Invalid input: {SECRET[10:40]}...",
            json.dumps([{"loc": ["messages", 0], "input": SECRET}]),
        ],
    )
    async def test_no_error_repeats_the_key_or_the_conversation(
        self, model: Model, server: ScriptedModelServer, message: str, status: int
    ) -> None:
        server.script(failure(status, message=message))

        with pytest.raises(ModelError) as caught:
            await model.complete(question(SECRET))

        assert KEY[:12] not in str(caught.value)
        assert not any(word in str(caught.value) for word in ("Quillfeather", "maiden", "Reykjavik"))

    async def test_what_the_provider_says_is_kept_when_it_repeats_nothing(
        self, model: Model, server: ScriptedModelServer
    ) -> None:
        server.script(
            failure(400, message="This model's context length is 8192 tokens", code="context_length_exceeded")
        )

        with pytest.raises(ModelRequestRejected, match="context_length_exceeded: This model's context length is 8192"):
            await model.complete(question(SECRET))

    async def test_a_server_that_is_not_there_is_unavailable(self, opener: Opener, server: ScriptedModelServer) -> None:
        server.stop()

        with pytest.raises(ModelUnavailable) as caught:
            await opener().complete(question())

        assert caught.value.retryable
        assert server.base_url in str(caught.value)


class TestTime:
    async def test_a_slow_answer_is_a_timeout(self, model: Model, server: ScriptedModelServer) -> None:
        gate = Gate()
        server.script(held(Reply(text="late"), gate))

        with deadline(Deadline.after(0.05)), pytest.raises(ModelTimeout) as caught:
            await model.complete(question())
        gate.open()

        assert caught.value.retryable
        assert (await model.complete(question())).text == "You said: How are you today?"

    async def test_the_models_own_limit_counts_too(self, opener: Opener, server: ScriptedModelServer) -> None:
        gate = Gate()
        server.script(held(Reply(text="late"), gate))

        with deadline(Deadline.after(60)), pytest.raises(ModelTimeout):
            await opener(timeout_s=0.05).complete(question())
        gate.open()

    async def test_a_stream_that_stops_is_a_timeout(self, model: Model, server: ScriptedModelServer) -> None:
        gate = Gate()
        server.script(held(Reply(text="one two three"), gate, after=2))
        deltas: list[str] = []

        async def listen(delta: str) -> None:
            deltas.append(delta)

        with deadline(Deadline.after(0.2)), pytest.raises(ModelTimeout):
            await model.complete(question(), on_delta=listen)
        gate.open()

        assert deltas == ["one "]

    async def test_the_limit_is_on_the_whole_call_not_on_each_piece(self, opener: Opener) -> None:
        never = asyncio.Event()

        async def dawdle(_: str) -> None:
            await never.wait()

        with pytest.raises(ModelTimeout):
            await opener(timeout_s=0.1).complete(question(), on_delta=dawdle)

    async def test_a_timeout_of_the_listeners_is_its_own(self, model: Model) -> None:
        async def give_up(_: str) -> None:
            raise TimeoutError("the listener waited too long")

        with pytest.raises(TimeoutError, match="the listener waited too long"):
            await model.complete(question(), on_delta=give_up)

    async def test_slow_embeddings_are_a_timeout(self, model: Model, server: ScriptedModelServer) -> None:
        gate = Gate()
        server.script(held(embeddings(8), gate), path=EMBEDDINGS)

        with deadline(Deadline.after(0.05)), pytest.raises(ModelTimeout):
            await model.embed(["a cat"])
        gate.open()


class TestVectors:
    async def test_all_texts_go_out_in_one_call(self, model: Model, server: ScriptedModelServer) -> None:
        response = await model.embed([f"text {number}" for number in range(300)])

        assert server.request_count == 1
        assert len(response.vectors) == 300
        assert response.usage == Usage(input_tokens=600)
        assert response.model == "scripted-embedding"

    async def test_a_dimension_is_asked_for_when_set(self, opener: Opener, server: ScriptedModelServer) -> None:
        response = await opener(embedding_dimension=12).embed(["a cat"])

        assert server.requests[-1].json["dimensions"] == 12
        assert len(response.vectors[0]) == 12

    async def test_no_texts_need_no_call(self, model: Model, server: ScriptedModelServer) -> None:
        assert (await model.embed([])).vectors == ()
        assert server.request_count == 0

    @pytest.mark.parametrize(
        "show",
        [
            pytest.param(list, id="numbers"),
            pytest.param(lambda vector: base64.b64encode(struct.pack("<3f", *vector)).decode(), id="base64"),
        ],
    )
    async def test_vectors_are_put_in_order_by_their_index(
        self, model: Model, server: ScriptedModelServer, show: Callable[[tuple[float, ...]], Any]
    ) -> None:
        data = [
            {"index": 1, "embedding": show((0.0, 1.0, 0.0))},
            {"index": 0, "embedding": show((0.5, 0.25, -1.0))},
        ]
        server.script(json_answer({"data": data, "model": "m"}), path=EMBEDDINGS)

        response = await model.embed(["a", "b"])

        assert response.vectors == ((0.5, 0.25, -1.0), (0.0, 1.0, 0.0))

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            pytest.param({"data": []}, ModelAnswerMalformed, id="none"),
            pytest.param({}, ModelAnswerMalformed, id="no data"),
            pytest.param({"data": [{"index": 0, "embedding": []}]}, ModelAnswerMalformed, id="empty"),
            pytest.param({"data": [{"index": 0, "embedding": "!!"}]}, ModelAnswerMalformed, id="not base64"),
            pytest.param({"data": [{"index": 0, "embedding": "AAAA"}]}, ModelAnswerMalformed, id="half a float"),
            pytest.param({"data": [{"index": 0, "embedding": ["x"]}]}, ModelAnswerMalformed, id="texts"),
            pytest.param({"data": [{"index": 3, "embedding": [1.0]}]}, ModelAnswerMalformed, id="index off"),
            pytest.param({"data": [{"index": 0, "embedding": None}]}, ModelAnswerMalformed, id="null"),
            pytest.param(
                {"data": [{"index": 0, "embedding": base64.b64encode(struct.pack("<f", float("nan"))).decode()}]},
                ModelAnswerMalformed,
                id="not a number",
            ),
        ],
    )
    async def test_an_answer_of_another_shape_is_malformed(
        self, model: Model, server: ScriptedModelServer, data: Any, kind: type[ModelError]
    ) -> None:
        server.script(json_answer(data), path=EMBEDDINGS)

        with pytest.raises(kind):
            await model.embed(["a cat"])

    async def test_another_dimension_than_asked_for_is_malformed(
        self, opener: Opener, server: ScriptedModelServer
    ) -> None:
        server.script(json_answer({"data": [{"index": 0, "embedding": [1.0, 0.0]}]}), path=EMBEDDINGS)

        with pytest.raises(ModelAnswerMalformed, match="dimension"):
            await opener(embedding_dimension=3).embed(["a cat"])

    @pytest.mark.parametrize(
        ("status", "kind"), [(401, ModelAuthenticationFailed), (429, ModelRateLimited), (500, ModelUnavailable)]
    )
    async def test_failures_are_those_of_text(
        self, model: Model, server: ScriptedModelServer, status: int, kind: type[ModelError]
    ) -> None:
        server.script(failure(status, headers={"retry-after": "2"}), path=EMBEDDINGS)

        with pytest.raises(kind):
            await model.embed(["a cat"])
