"""Server-sent events in chunks of any size."""

from __future__ import annotations

import pytest

from runtime_core.adapters.openai.events import EventDecoder

STREAM = (
    'data: {"a": 1}\n\n: comment\r\nevent: x\r\ndata: é☃\r\n\r\ndata:first\rdata: second\r\rdata\n\nid: 5\n\n'.encode()
)
EVENTS = [b'{"a": 1}', "é☃".encode(), b"first\nsecond", b""]


def decoded(*chunks: bytes) -> list[bytes]:
    decoder = EventDecoder()
    return [data for chunk in chunks for data in decoder.feed(chunk)]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_pieces_of_every_size_give_the_same_events(size: int) -> None:
    assert decoded(*(STREAM[start : start + size] for start in range(0, len(STREAM), size))) == EVENTS


def test_empty_pieces_change_nothing() -> None:
    assert decoded(b"data: a\r", b"", b"\n\r", b"", b"\n", b"") == [b"a"]


def test_a_byte_order_mark_at_the_beginning_is_skipped() -> None:
    assert decoded(b"\xef\xbb", b"\xbfdata: a\n\n") == [b"a"]


def test_only_one_space_after_the_colon_is_skipped() -> None:
    assert decoded(b"data:  a\n\n") == [b" a"]


def test_an_event_without_its_end_is_left_out() -> None:
    assert decoded(b"data: a\n\ndata: b\n") == [b"a"]
