"""Management API of WebSocket connections on the loopback, as API Gateway's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

STAGE = "live"
PROBLEMS = {
    403: "ForbiddenException",
    410: "GoneException",
    413: "PayloadTooLargeException",
    429: "LimitExceededException",
    500: "InternalServerErrorException",
}


class ManagedConnections:
    """Texts sent to each open connection, and the senders; other connections are gone."""

    def __init__(self) -> None:
        self.sent: dict[str, list[str]] = {}
        self.authorizations: list[str] = []
        self.status = 200  # any other value is the status of every answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"])).decode()
                outer.authorizations.append(self.headers["authorization"])
                stage, _, connection = unquote(self.path).removeprefix("/").partition("/@connections/")
                known = stage == STAGE and connection in outer.sent
                status = outer.status if outer.status != 200 else 200 if known else 410
                if status == 200:
                    outer.sent[connection].append(data)
                self._say(status)

            def _say(self, status: int) -> None:
                body = b"" if status == 200 else json.dumps({"message": PROBLEMS[status]}).encode()
                self.send_response(status)
                if status != 200:
                    self.send_header("x-amzn-errortype", PROBLEMS[status])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{STAGE}"


@contextmanager
def managed_connections() -> Iterator[ManagedConnections]:
    """Run a server in a thread, and stop it afterwards."""
    connections = ManagedConnections()
    thread = threading.Thread(target=connections.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield connections
    finally:
        connections.server.shutdown()
        thread.join(5)
        connections.server.server_close()
