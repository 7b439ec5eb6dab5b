"""The shared HTTP client over TLS, with a certificate from the `openssl` command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which

import pytest

from runtime_core.adapters.http_client import HttpClient
from runtime_core.adapters.openai.wire import WireModel
from runtime_core.errors import ModelUnavailable
from runtime_core.testing.models import question
from tests.tls import Certificate


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as http:
        yield http


@pytest.mark.skipif(which("openssl") is None, reason="makes its certificate with the openssl command")
async def test_an_answer_comes_over_tls_from_a_trusted_server_only(
    http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate.make(tmp_path)
    listening = await asyncio.start_server(_answer_once, "127.0.0.1", 0, ssl=certificate.server_context())
    async with listening:
        base_url = f"https://localhost:{listening.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailable, match=r"(?i)certificate"):
            await WireModel(http, base_url=base_url).complete(question())

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        async with HttpClient() as trusting:
            assert (await WireModel(trusting, base_url=base_url).complete(question())).text == "hi"


async def _answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
    body = b'{"choices":[{"message":{"content":"hi"}}]}'
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()
    await writer.wait_closed()
