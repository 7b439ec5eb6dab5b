"""TLS for test servers: a self-signed certificate, and a TLS front for Postgres."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"  # https://www.postgresql.org/docs/current/protocol-message-formats.html


@dataclass(frozen=True)
class Certificate:
    """Self-signed certificate for `localhost`, with its key."""

    chain: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        """Create a certificate with the `openssl` command."""
        made = cls(folder / "certificate.pem", folder / "key.pem")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        named = ["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*command, *named, "-keyout", made.key, "-out", made.chain], check=True, capture_output=True)
        return made

    def server_context(self) -> ssl.SSLContext:
        """Return the server's TLS context."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain, self.key)
        return context


@dataclass
class TlsFront:
    """TLS proxy before Postgres that counts completed handshakes."""

    url: str
    context: ssl.SSLContext
    handshakes: int = 0
    _behind: tuple[str, int] = ("", 0)

    @classmethod
    @asynccontextmanager
    async def before(cls, url: str, certificate: Certificate) -> AsyncIterator[TlsFront]:
        """Listen on a free port of `localhost` before the server of `url`."""
        front = cls(url, certificate.server_context())
        parts = urlsplit(url)
        server = await asyncio.start_server(front._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        front.url = parts._replace(netloc=f"{parts.username}@localhost:{port}").geturl()
        front._behind = (parts.hostname or "", parts.port or 0)
        async with server:
            yield front

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(self.context)
            self.handshakes += 1
            behind = await asyncio.open_connection(*self._behind)
            await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # a client that does not trust the certificate closes the connection
        finally:
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
