"""Files from the web: what is read, and what nobody is let through to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from runtime_core.adapters.web import MOST_REDIRECTS, Address, WebFetcher, is_public, networks_of
from runtime_core.errors import DeadlineExceeded, FetchRefused, SettingsError
from runtime_core.ports import Fetched
from runtime_core.settings import Settings
from tests.file_server import GIBIBYTE, FileServer, file_server

HERE = networks_of("127.0.0.1/32")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as started:
        yield started


@pytest.fixture
def fetcher() -> WebFetcher:
    return WebFetcher(networks=HERE)


async def fetched(fetcher: WebFetcher, url: str, *, limit_bytes: int = 10_000, timeout_s: float = 10.0) -> Fetched:
    return await fetcher.fetch(url, limit_bytes=limit_bytes, timeout_s=timeout_s)


def naming(**hosts: str) -> WebFetcher:
    """A fetcher whose name service knows these hosts (dots as underscores), with the loopback allowed."""

    async def resolve(host: str, _port: int) -> Sequence[Address]:
        return [ip_address(each) for each in hosts[host.replace(".", "_")].split()]

    return WebFetcher(networks=HERE, resolve=resolve)


async def test_a_file_comes_with_its_type_and_charset(fetcher: WebFetcher, server: FileServer) -> None:
    url = server.file("/notes.txt?page=2", "grün".encode("latin-1"), 'Text/Plain; charset="latin-1"')
    assert await fetched(fetcher, url) == Fetched(
        content="grün".encode("latin-1"), content_type="text/plain", charset="latin-1"
    )


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/a", "file:///etc/passwd", "gopher://x", "/etc/passwd", "http://", "http://[::1"),
        *("http://a:b/", "http://user:secret@127.0.0.1/", "http://127.0.0.1:99999/", "javascript:alert(1)", ""),
    ],
)
async def test_only_plain_web_urls_are_read(fetcher: WebFetcher, url: str) -> None:
    with pytest.raises(FetchRefused):
        await fetched(fetcher, url)


PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.7", "172.16.4.2", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:10.0.0.7", "::ffff:127.0.0.1", "64:ff9b::a00:7", "2002:a00:7::1", "2002:7f00:1::"),
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_address_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(ip_address(address))
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(FetchRefused, match="not a public address"):
        await fetched(WebFetcher(), f"http://{shown}/")


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "localhost."])
async def test_other_ways_to_write_this_machine_are_refused_too(server: FileServer, host: str) -> None:
    with pytest.raises(FetchRefused):
        await fetched(WebFetcher(), f"http://{host}:{server.port}/")
    assert server.asked == []


async def test_a_name_with_one_private_address_among_its_addresses_is_refused(server: FileServer) -> None:
    for addresses in ("10.0.0.7", "93.184.215.14 10.0.0.7", "::ffff:169.254.169.254"):
        with pytest.raises(FetchRefused, match="not a public address"):
            await fetched(naming(evil_example=addresses), f"http://evil.example:{server.port}/")


async def test_the_connection_goes_to_the_address_that_was_checked(server: FileServer) -> None:
    asked: list[str] = []

    async def changing(host: str, _port: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.7")]

    server.file("/a", b"here", "text/plain")
    fetcher = WebFetcher(networks=HERE, resolve=changing)
    found = await fetched(fetcher, f"http://files.example:{server.port}/a")
    assert found.content == b"here"
    assert asked == ["files.example"], "the name is asked for once: a second answer could be another address"
    assert server.asked == [("/a", f"files.example:{server.port}")]


async def test_a_host_nobody_knows_is_refused() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[Address]:
        raise OSError("unknown")

    with pytest.raises(FetchRefused, match=r"the host 'nowhere\.example' does not exist"):
        await fetched(WebFetcher(resolve=unknown), "http://nowhere.example/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(fetcher: WebFetcher, server: FileServer, status: int) -> None:
    server.file("/new", b"moved", "text/plain")
    assert (await fetched(fetcher, server.redirect("/old", "/new", status=status))).content == b"moved"


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "http://[::1]/", "file:///etc/passwd"])
async def test_a_redirect_to_what_may_not_be_read_is_refused(
    fetcher: WebFetcher, server: FileServer, target: str
) -> None:
    with pytest.raises(FetchRefused):
        await fetched(fetcher, server.redirect("/old", target))
    assert [path for path, _ in server.asked] == ["/old"]


async def test_a_circle_of_redirects_ends(fetcher: WebFetcher, server: FileServer) -> None:
    with pytest.raises(FetchRefused, match="redirected more than"):
        await fetched(fetcher, server.redirect("/a", "/a"))
    assert len(server.asked) == MOST_REDIRECTS + 1


async def test_a_file_that_says_it_is_too_large_is_not_read(fetcher: WebFetcher, server: FileServer) -> None:
    with pytest.raises(FetchRefused, match=r"1,073,741,824 bytes, more than the 10,000"):
        await fetched(fetcher, server.endless("/huge", said_bytes=GIBIBYTE))


async def test_a_file_that_says_nothing_of_its_size_is_read_up_to_the_limit(
    fetcher: WebFetcher, server: FileServer
) -> None:
    with pytest.raises(FetchRefused, match=r"more than the 10,000 bytes"):
        await fetched(fetcher, server.endless("/endless", said_bytes=None))


async def test_a_file_of_just_the_limit_is_read(fetcher: WebFetcher, server: FileServer) -> None:
    url = server.file("/fits", b"x" * 10_000, "text/plain")
    assert len((await fetched(fetcher, url)).content) == 10_000


async def test_a_compressed_answer_is_refused_unread(fetcher: WebFetcher, server: FileServer) -> None:
    with pytest.raises(FetchRefused, match="compressed"):
        await fetched(fetcher, server.file("/bomb", b"\x1f\x8b", "text/plain", Content_Encoding="gzip"))


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
async def test_any_other_answer_is_refused(fetcher: WebFetcher, server: FileServer, status: int) -> None:
    server.answers["/x"] = lambda request: request.file(b"", "text/plain", status=status)
    with pytest.raises(FetchRefused, match=f"answered {status}"):
        await fetched(fetcher, f"{server.url}/x")


async def test_a_server_that_never_answers_is_given_up(fetcher: WebFetcher, server: FileServer) -> None:
    with pytest.raises(DeadlineExceeded):
        await fetched(fetcher, server.stuck("/stuck"), timeout_s=0.2)


async def test_a_server_that_is_not_there_is_refused(fetcher: WebFetcher) -> None:
    with pytest.raises(FetchRefused, match="could not be read"):
        await fetched(fetcher, "http://127.0.0.1:1/")


def test_networks_that_are_none_stop_the_start() -> None:
    assert Settings.from_environment({"ATTACHMENT_NETWORKS": "10.0.0.0/8, fd00::/8"}).attachment_networks
    with pytest.raises(SettingsError, match="ATTACHMENT_NETWORKS"):
        Settings.from_environment({"ATTACHMENT_NETWORKS": "10.0.0.0/40"})
