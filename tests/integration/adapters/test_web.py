"""Files from the web over TLS, with a certificate from the `openssl` command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from runtime_core.adapters.web import Address, WebFetcher, networks_of
from runtime_core.errors import FetchRefused
from runtime_core.ports import Fetched
from tests.file_server import file_server

HERE = networks_of("127.0.0.1/32")


async def fetched(fetcher: WebFetcher, url: str, *, limit_bytes: int = 10_000, timeout_s: float = 10.0) -> Fetched:
    return await fetcher.fetch(url, limit_bytes=limit_bytes, timeout_s=timeout_s)


def naming(**hosts: str) -> WebFetcher:
    """Make a fetcher whose name service knows these hosts (dots as underscores), with the loopback allowed."""

    async def resolve(host: str, _port: int) -> Sequence[Address]:
        return [ip_address(each) for each in hosts[host.replace(".", "_")].split()]

    return WebFetcher(networks=HERE, resolve=resolve)


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for `files.example` and its key."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=files.example"]
    command += ["-addext", "subjectAltName=DNS:files.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
async def test_over_tls_the_name_is_checked_although_an_address_is_connected_to(
    certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certified
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetcher = naming(files_example="127.0.0.1", other_example="127.0.0.1")
    with file_server(context) as server:
        server.file("/a", b"secret", "text/plain")
        assert (await fetched(fetcher, f"https://files.example:{server.port}/a")).content == b"secret"
        with pytest.raises(FetchRefused, match="could not be read"):
            await fetched(fetcher, f"https://other.example:{server.port}/a")
