"""Embedding server with instant answers: vectors are slices of a buffer."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import sys
from array import array

SPREAD = 65_536


class InstantEmbeddings(asyncio.Protocol):
    """One connection; implements the part of HTTP/1.1 that a keep-alive client needs."""

    def __init__(self, vectors: memoryview, dimension: int) -> None:
        self._vectors = vectors
        self._dimension = dimension
        self._got = bytearray()
        self._transport: asyncio.Transport

    calls = 0  # of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, rest = bytes(self._got).partition(b"\r\n\r\n")
        if not separator:
            return
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        length = next(int(value) for name, _, value in lines if name.lower() == b"content-length")
        if len(rest) < length:
            return
        self._got.clear()
        asked = json.loads(rest)
        if asked.get("input"):
            InstantEmbeddings.calls += 1
            self._send(self._embed(asked))
        else:  # a request for the count only
            self._send({"calls": InstantEmbeddings.calls})

    def _embed(self, asked: dict[str, list[str]]) -> dict[str, object]:
        data = [
            {"object": "embedding", "index": index, "embedding": self._vector(text)}
            for index, text in enumerate(asked["input"])
        ]
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        return {"object": "list", "data": data, "model": "instant", "usage": usage}

    def _send(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def _vector(self, text: str) -> str:
        start = 4 * (sum(text.encode()) * 31 + len(text) * 7 + int("".join(filter(str.isdigit, text)) or 0)) % SPREAD
        start -= start % 4
        return base64.b64encode(self._vectors[start : start + 4 * self._dimension]).decode()


async def serve(dimension: int) -> None:
    """Serve until the process ends; the port is written to standard output."""
    spread = random.Random(3)  # noqa: S311 - the same vectors in each run
    vectors = memoryview(array("f", (spread.uniform(-1, 1) for _ in range(SPREAD + dimension))).tobytes())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: InstantEmbeddings(vectors, dimension), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimension", type=int, default=1536)
    asyncio.run(serve(parser.parse_args().dimension))
