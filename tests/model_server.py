"""Scripted OpenAI-compatible server on a real socket, in a thread or a process.

`python -m tests.model_server --port 8080` runs it alone: it echoes, accepts a script at `POST /_script`
(a list of `Reply` fields, or of `failure` arguments with `status`) and returns its requests at `GET /_recorded`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import h11
import pytest

from tests.model_answers import Answer, ModelRequest, Reply, Sent, echo, embeddings, failure, json_answer

CHAT = "/chat/completions"
EMBEDDINGS = "/embeddings"
MODELS = "/models"
_READ_LIMIT_BYTES = 64 * 1024 * 1024


class ScriptedModelServer:
    """Server that answers by script, else echoes; safe to use from any thread.

    Attributes:
        requests: The newest requests, oldest first, at most `keep`, to bound the memory of long runs.
        request_count: Number of all requests so far.
        connection_count: Number of all connections so far.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        dimension: int = 256,
        api_key: str | None = None,
        keep: int = 1000,
    ) -> None:
        self.host = host
        self.port = port
        self.api_key = api_key
        self.requests: deque[ModelRequest] = deque(maxlen=keep)
        self.request_count = 0
        self.connection_count = 0
        self._dimension = dimension
        self._scripts: dict[str, deque[Answer]] = {}
        self._answering: dict[str, Answer] = {}
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self.reset()

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def script(self, *answers: Answer, path: str = CHAT) -> None:
        """Answer the next requests to `path` with these, in order."""
        with self._lock:
            self._scripts.setdefault(path, deque()).extend(answers)

    def answer_with(self, answer: Answer, *, path: str = CHAT) -> None:
        """Set the answer to every request to `path` that no script covers."""
        with self._lock:
            self._answering[path] = answer

    def reset(self) -> None:
        """Delete scripts, requests and counts; connections stay open."""
        with self._lock:
            self._scripts.clear()
            self._answering = {
                CHAT: echo,
                EMBEDDINGS: embeddings(self._dimension),
                MODELS: json_answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]}),
            }
            self.requests.clear()
            self.request_count = 0
            self.connection_count = 0

    @property
    def chats(self) -> list[dict[str, Any]]:
        """Bodies of the chat requests, oldest first."""
        return [each.json for each in list(self.requests) if each.path.endswith(CHAT)]

    def drop_connections(self) -> None:
        """Reset every open connection, as a peer that lost its state."""
        done = threading.Event()

        def drop() -> None:
            self._reset_all()
            done.set()

        self._on_loop(drop)
        assert done.wait(5)

    def start(self) -> Self:
        """Serve from a new thread."""
        ready: deque[BaseException | None] = deque()
        is_ready = threading.Event()

        def listening(error: BaseException | None) -> None:
            ready.append(error)
            is_ready.set()

        self._thread = threading.Thread(target=self._run, args=(listening,), name="model-server", daemon=True)
        self._thread.start()
        assert is_ready.wait(10), "the model server did not start"
        if error := ready.pop():
            raise error
        return self

    def stop(self) -> None:
        """Close every connection and the listening socket."""
        if self._thread is None or self._stopping is None:
            return
        self._on_loop(self._stopping.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the model server did not stop"
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def respond(self, request: ModelRequest) -> Sent:
        """Record a request and choose its answer."""
        if request.path == "/_recorded":
            return json_answer(self._recorded())(request)
        if request.path == "/_script":
            self.script(*(_from_json(each) for each in request.json))
            return json_answer({"scripted": len(request.json)})(request)
        with self._lock:
            self.requests.append(request)
            self.request_count += 1
            answer = self._answer_to(request)
        return answer(request)

    def opened(self, connection: _Connection) -> None:
        self._connections.add(connection)
        self.connection_count += 1

    def closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    async def serve(self, listening: Callable[[BaseException | None], None]) -> None:
        """Serve until `stop`.

        Args:
            listening: Called once; with the error if the port is not available.
        """
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            server = await self._loop.create_server(lambda: _Connection(self), self.host, self.port)
        except OSError as error:
            listening(error)
            return
        self.port = server.sockets[0].getsockname()[1]
        listening(None)
        await self._stopping.wait()
        server.close()
        self._reset_all()
        await server.wait_closed()

    def _run(self, listening: Callable[[BaseException | None], None]) -> None:
        with asyncio.Runner() as runner:
            runner.run(self.serve(listening))

    def _on_loop(self, call: Callable[[], object]) -> None:
        assert self._loop is not None, "the model server is not running"
        self._loop.call_soon_threadsafe(call)

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    def _answer_to(self, request: ModelRequest) -> Answer:
        if self.api_key is not None and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return failure(401, message="Incorrect API key provided.", code="invalid_api_key")
        path = next((path for path in self._paths() if request.path.endswith(path)), None)
        if path is None:
            return failure(404, message=f"Invalid URL ({request.method} {request.path})")
        script = self._scripts.get(path)
        return script.popleft() if script else self._answering[path]

    def _paths(self) -> set[str]:
        return {*self._answering, *(path for path, script in self._scripts.items() if script)}

    def _recorded(self) -> dict[str, Any]:
        bodies = [each.body.decode(errors="replace") for each in list(self.requests)]
        return {"request_count": self.request_count, "connection_count": self.connection_count, "bodies": bodies}


class _Connection(asyncio.Protocol):
    """Connection of one client; its requests are answered in order."""

    def __init__(self, server: ScriptedModelServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._advance()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _advance(self) -> None:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._transport.close()
                return
            if isinstance(event, h11.Request):
                self._head = event
                self._body.clear()
            elif isinstance(event, h11.Data):
                self._body += event.data
                assert len(self._body) <= _READ_LIMIT_BYTES
            elif isinstance(event, h11.EndOfMessage):
                self._answer()
            else:
                if isinstance(event, h11.ConnectionClosed):
                    self._transport.close()
                return

    def _answer(self) -> None:
        assert self._head is not None
        request = ModelRequest(
            method=self._head.method.decode(),
            path=self._head.target.decode().partition("?")[0],
            headers={name.decode(): value.decode("latin-1") for name, value in self._head.headers},
            body=bytes(self._body),
        )
        sent = self._server.respond(request)
        if sent.reset:
            self.reset()
        elif sent.gate is None:
            self._send(sent)
        else:
            if sent.held_after:
                self._start(sent)
                self._write(sent.writes[: sent.held_after])
            loop = asyncio.get_running_loop()

            def release() -> None:
                loop.call_soon_threadsafe(self._release, sent)

            sent.gate.when_open(release)

    def _release(self, sent: Sent) -> None:
        if self._transport.is_closing():
            return
        if not sent.held_after:
            self._send(sent)
            return
        self._write(sent.writes[sent.held_after :])
        self._end(sent)

    def _send(self, sent: Sent) -> None:
        if sent.streamed:
            self._start(sent)
            self._write(sent.writes)
            self._end(sent)
            return
        body = b"".join(sent.writes)
        head = self._response(sent, ("content-length", str(len(body))))
        data = self._http.send(h11.Data(data=body)) or b""
        self._transport.write(head + data)
        self._end(sent)

    def _start(self, sent: Sent) -> None:
        self._transport.write(self._response(sent, ("transfer-encoding", "chunked")))

    def _response(self, sent: Sent, framing: tuple[str, str]) -> bytes:
        headers = [*sent.headers.items(), framing]
        return self._http.send(h11.Response(status_code=sent.status, headers=headers)) or b""

    def _write(self, writes: Any) -> None:
        for part in writes:
            self._transport.write(self._http.send(h11.Data(data=part)) or b"")

    def _end(self, sent: Sent) -> None:
        if sent.cut:
            self._transport.close()
            return
        self._transport.write(self._http.send(h11.EndOfMessage()) or b"")
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._http.start_next_cycle()
        if self._http.trailing_data[0]:
            self._advance()


def _from_json(fields: dict[str, Any]) -> Answer:
    return failure(**fields) if "status" in fields else Reply(**fields)


@pytest.fixture
def model_server() -> Iterator[ScriptedModelServer]:
    """Model server that echoes unless scripted."""
    with ScriptedModelServer() as server:
        yield server


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--api-key")
    chosen = parser.parse_args()
    server = ScriptedModelServer(
        host=chosen.host, port=chosen.port, dimension=chosen.dimension, api_key=chosen.api_key, keep=100
    )
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server.start()
    print(json.dumps({"base_url": server.base_url}), flush=True)  # noqa: T201 - read by the parent process
    signal.sigwait(ends)
    server.stop()


if __name__ == "__main__":
    main()
