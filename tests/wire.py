"""TCP proxy before Postgres that counts connections and round trips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

READY_FOR_QUERY = b"Z"
NO_TLS = b"N"  # one byte without a length: the answer to a client that requests TLS


@dataclass
class WireProxy:
    """Proxy that counts a round trip each time the client waits for the server.

    The handshake, until the server is ready for a first query, is not counted.
    While `silent`, the client's data is lost, as in a network that drops packets.
    """

    host: str
    port: int
    url: str = ""
    connections: int = 0
    round_trips: int = 0
    silent: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def before(cls, url: str) -> AsyncIterator[WireProxy]:
        """Listen on a free port before the server of `url`."""
        parts = urlsplit(url)
        proxy = cls(host=parts.hostname or "127.0.0.1", port=parts.port or 5432)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        address = f"{parts.username or 'postgres'}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        proxy.url = urlunsplit(parts._replace(netloc=address))
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()
            await server.wait_closed()

    def reset(self) -> None:
        """Reset the counts to zero."""
        self.connections = self.round_trips = 0

    def cut(self) -> None:
        """Cut every connection, as a network that lost its state."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            server_reader, server_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            client_writer.transport.abort()
            return
        self._open |= {client_writer, server_writer}
        talk = _Talk()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(talk, client_reader, server_writer))
                both.create_task(self._answer(talk, server_reader, client_writer))
        except* ConnectionError:
            pass  # a cut connection ends here; the client sees it on its own side
        finally:
            for writer in (client_writer, server_writer):
                self._open.discard(writer)
                writer.transport.abort()

    async def _ask(self, talk: _Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.silent:
                continue
            talk.asked = True
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _answer(self, talk: _Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward whole server messages: type, length (including itself), body."""
        begin = await _exactly(reader, 1)
        if begin == NO_TLS:
            writer.write(begin)
            begin = b""
        while head := begin + await _exactly(reader, 5 - len(begin)):
            begin = b""
            body = await _exactly(reader, int.from_bytes(head[1:]) - 4)
            if talk.asked:
                self.round_trips += talk.greeted
                talk.asked = False
            talk.greeted = talk.greeted or head[:1] == READY_FOR_QUERY
            writer.write(head + body)
            await writer.drain()
        writer.write_eof()


@dataclass
class _Talk:
    """State of one connection: handshake done, and an answer pending."""

    greeted: bool = False
    asked: bool = False


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        return b""
