"""Postgres over TLS, as managed databases require it."""

from __future__ import annotations

from pathlib import Path
from shutil import which

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.errors import StoreError, StoreUnavailable
from runtime_core.testing.scene import Scene
from tests.tls import Certificate, TlsFront

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(which("openssl") is None, reason="makes its certificate with the openssl command"),
]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path)


async def play(url: str) -> None:
    database = PostgresAdapter(url)
    try:
        await Scene().play(database)
    finally:
        await database.close()


async def test_a_turn_goes_over_tls(postgres_url: str, certificate: Certificate) -> None:
    async with TlsFront.before(postgres_url, certificate) as front:
        await play(f"{front.url}?sslmode=require")
        await play(f"{front.url}?sslmode=verify-full&sslrootcert={certificate.chain}")

        assert front.handshakes == 2


async def test_a_certificate_that_is_not_trusted_ends_the_turn(
    postgres_url: str, certificate: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Certificate.make(tmp_path / "other")
    async with TlsFront.before(postgres_url, certificate) as front:
        with pytest.raises(StoreError, match=r"certificate is not trusted.*sslrootcert") as caught:
            await play(f"{front.url}?sslmode=verify-full&sslrootcert={other.chain}")

        assert not caught.value.retryable
        assert front.handshakes == 0


async def test_a_certificate_file_that_is_missing_is_named_by_its_setting(
    postgres_url: str, certificate: Certificate, tmp_path: Path
) -> None:
    async with TlsFront.before(postgres_url, certificate) as front:
        with pytest.raises(StoreError, match=r"DATABASE_URL.*sslrootcert"):
            await play(f"{front.url}?sslmode=verify-full&sslrootcert={tmp_path / 'missing.pem'}")


async def test_a_server_without_tls_is_refused_where_tls_is_required(postgres_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="rejected SSL"):
        await play(f"{postgres_url}?sslmode=require")
