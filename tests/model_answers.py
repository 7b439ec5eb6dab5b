"""Answers of the scripted model server: functions from request to bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """Request as received; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def wants_stream(self) -> bool:
        return self.json.get("stream") is True

    @property
    def last_text(self) -> str:
        """Text of the last user message; empty if there is none."""
        texts = [each.get("content") for each in self.json["messages"] if each["role"] == "user"]
        return texts[-1] if texts and isinstance(texts[-1], str) else ""


class Gate:
    """Gate that delays an answer until it opens, and signals the request's arrival."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        self._on_open: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        """Release the answer."""
        with self._lock:
            self._opened.set()
            waiting, self._on_open = self._on_open, []
        for call in waiting:
            call()

    def when_open(self, call: Callable[[], None]) -> None:
        """Register a callback for the opening; call it at once if the gate is open."""
        self.reached.set()
        with self._lock:
            if not self._opened.is_set():
                self._on_open.append(call)
                return
        call()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Bytes of one answer.

    Attributes:
        writes: Pieces of the body, in order; a streamed answer sends each as its own chunk.
        cut: The connection ends after the writes, without the end of the message.
        reset: The connection is reset before the first byte.
        gate: Awaited after the first `held_after` writes (0: before the headers).
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: Sequence[bytes] = ()
    streamed: bool = False
    cut: bool = False
    reset: bool = False
    gate: Gate | None = None
    held_after: int = 0


Answer: TypeAlias = Callable[[ModelRequest], Sent]


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a JSON body."""
    return raw(json.dumps(value).encode(), status=status, headers=headers)


def raw(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with raw bytes, of type JSON unless the headers override it."""
    named = {"content-type": "application/json", **(headers or {})}
    return lambda _: Sent(status=status, headers=named, writes=(body,))


def failure(
    status: int,
    *,
    message: str = "the scripted server says no",
    code: str | None = None,
    kind: str = "scripted_error",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer with an error status and a body in OpenAI's shape."""
    error = {"message": message, "type": kind, "param": None, "code": code}
    return json_answer({"error": error}, status=status, headers=headers)


def connection_reset() -> Answer:
    """Reset the connection before the first byte of an answer."""
    return lambda _: Sent(reset=True)


def held(answer: Answer, gate: Gate, *, after: int = 0) -> Answer:
    """Delay an answer by a gate after its first `after` writes."""
    return lambda request: replace(answer(request), gate=gate, held_after=after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Completion, whole or streamed as requested.

    Attributes:
        tool_calls: Name and arguments of each call.
        pieces: The text's deltas; None splits it after each space.
        stop_after: Maximum number of events sent; then the stream ends cleanly, or is cut.
        cut: A stream is cut after its events, a whole answer in the middle of its body.
        done: The stream ends with `[DONE]`.
        write_bytes: Size of the stream's chunks in bytes; None sends one per event.
        usage: Input, output and cached tokens; None counts words.
    """

    text: str | None = ""
    tool_calls: Sequence[tuple[str, Any]] = ()
    refusal: str | None = None
    finish_reason: str | None = None
    pieces: Sequence[str] | None = None
    stop_after: int | None = None
    cut: bool = False
    done: bool = True
    newline: str = "\n"
    comments: bool = False
    write_bytes: int | None = None
    usage: tuple[int, int, int] | None = None
    model: str | None = None

    def __call__(self, request: ModelRequest) -> Sent:
        if request.wants_stream:
            return self._streamed(request)
        body = json.dumps(self._completion(request), ensure_ascii=False).encode()
        writes = (body[: len(body) // 2],) if self.cut else (body,)
        return Sent(headers={"content-type": "application/json"}, writes=writes, cut=self.cut, streamed=self.cut)

    def _completion(self, request: ModelRequest) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": self.refusal}
        if self.tool_calls:
            message["tool_calls"] = self._calls()
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason()}
        return {
            **self._head(request, "chat.completion"),
            "choices": [choice],
            "usage": self._usage(request),
        }

    def _head(self, request: ModelRequest, kind: str) -> dict[str, Any]:
        return {
            "id": "chatcmpl-scripted",
            "object": kind,
            "created": 1_700_000_000,
            "model": self.model or request.json["model"],
        }

    def _reason(self) -> str:
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    def _calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                },
            }
            for index, (name, arguments) in enumerate(self.tool_calls)
        ]

    def _usage(self, request: ModelRequest) -> dict[str, Any]:
        words = sum(len(str(each.get("content") or "").split()) for each in request.json["messages"])
        asked, answered, cached = self.usage or (words, len((self.text or "").split()), 0)
        return {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    def _streamed(self, request: ModelRequest) -> Sent:
        events = [json.dumps(each, ensure_ascii=False) for each in self._events(request)]
        if self.done:
            events.append("[DONE]")
        events = events[: self.stop_after]
        end = self.newline
        comment = f": keep-alive{end}{end}" if self.comments else ""
        writes = [f"{comment}data: {event}{end}{end}".encode() for event in events]
        if size := self.write_bytes:
            body = b"".join(writes)
            writes = [body[start : start + size] for start in range(0, len(body), size)]
        return Sent(headers={"content-type": "text/event-stream"}, writes=writes, streamed=True, cut=self.cut)

    def _events(self, request: ModelRequest) -> list[dict[str, Any]]:
        head = self._head(request, "chat.completion.chunk")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        pieces = self.pieces if self.pieces is not None else _pieces(self.text or "")
        deltas += [{"content": piece} for piece in pieces]
        if self.refusal is not None:
            deltas += [{"refusal": piece} for piece in _pieces(self.refusal)]
        for index, call in enumerate(self._calls()):
            arguments = call["function"]["arguments"]
            middle = len(arguments) // 2
            opening: dict[str, Any] = {"name": call["function"]["name"], "arguments": ""}
            deltas.append({"tool_calls": [{**call, "index": index, "function": opening}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
                for part in (arguments[:middle], arguments[middle:])
            ]
        choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": self._reason()})
        events = [{**head, "choices": [choice]} for choice in choices]
        if (request.json.get("stream_options") or {}).get("include_usage"):
            events.append({**head, "choices": [], "usage": self._usage(request)})
        return events


def echo(request: ModelRequest) -> Sent:
    """Answer of the server without a script."""
    return Reply(text=f"You said: {request.last_text}")(request)


def embeddings(dimension: int) -> Answer:
    """Answer with unit vectors derived from the texts' hashes, equal in all processes."""

    def answer(request: ModelRequest) -> Sent:
        asked = request.json
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        as_base64 = asked.get("encoding_format") == "base64"
        data = []
        for index, text in enumerate(texts):
            vector = unit_vector(text, asked.get("dimensions") or dimension)
            shown: Any = base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist()
            data.append({"object": "embedding", "index": index, "embedding": shown})
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return json_answer({"object": "list", "data": data, "model": asked["model"], "usage": usage})(request)

    return answer


def unit_vector(text: str, dimension: int) -> array[float]:
    """Return a text's vector as 32-bit floats, shape `(dimension,)`."""
    numbers = array("i", hashlib.shake_256(text.encode()).digest(4 * dimension))
    length = math.sqrt(sum(number * number for number in numbers))
    return array("f", (number / length for number in numbers))


def _pieces(text: str) -> list[str]:
    return [piece for piece in text.replace(" ", " \0").split("\0") if piece]
