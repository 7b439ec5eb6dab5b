"""Web server with files of every kind, including malicious ones."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
GIBIBYTE = 1024**3
Answer: TypeAlias = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """Handler of one request, answered from the server's `answers`."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Host", "")))
        self.close_connection = True
        self.server.answers[self.path](self)

    def file(self, content: bytes, content_type: str, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            self.server.cut.append(self.path)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


class FileServer(ThreadingHTTPServer):
    """Server that answers paths from `answers`.

    Attributes:
        asked: Path and Host header of each request.
        cut: Paths whose client closed the connection early.
    """

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), Request)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.cut: list[str] = []
        self.release = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: tests close connections early on purpose."""

    def file(self, path: str, content: bytes, content_type: str, **headers: str) -> str:
        """Serve a file, and return its URL."""
        self.answers[path] = lambda request: request.file(content, content_type, status=200, **headers)
        return self.url + path

    def redirect(self, path: str, target: str, *, status: int = 302) -> str:
        self.answers[path] = lambda request: request.file(b"", "text/plain", status=status, Location=target)
        return self.url + path

    def endless(self, path: str, *, said_bytes: int | None) -> str:
        """Serve an endless file, with or without a content length; return its URL."""

        def answer(request: Request) -> None:
            request.send_response(200)
            request.send_header("Content-Type", "image/png")
            if said_bytes is not None:
                request.send_header("Content-Length", str(said_bytes))
            request.end_headers()
            try:
                while not self.release.is_set():
                    request.wfile.write(b"\x00" * 65536)
            except OSError:
                self.cut.append(path)

        self.answers[path] = answer
        return self.url + path

    def trickling(self, path: str) -> str:
        """Serve a file byte by byte, each within any read timeout; return its URL."""

        def answer(request: Request) -> None:
            request.send_response(200)
            request.send_header("Content-Type", "text/plain")
            request.send_header("Content-Length", "50000")
            request.end_headers()
            try:
                while not self.release.wait(0.02):
                    request.wfile.write(b"x")
            except OSError:
                self.cut.append(path)

        self.answers[path] = answer
        return self.url + path

    def stuck(self, path: str) -> str:
        """Serve a file that never arrives; return its URL."""
        self.answers[path] = lambda _request: _waited(self.release)
        return self.url + path


def _waited(release: threading.Event) -> None:
    release.wait(30)


@contextmanager
def file_server(context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> Iterator[FileServer]:
    """Run a server in a thread; with a context, over TLS."""
    server = FileServer(host)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
