"""Decoder of server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """Incremental decoder of the `data` fields of events.

    Chunks may have any size. Lines end with LF, CR LF or CR. An event without its final blank line is dropped.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._data: list[bytes] = []
        self._is_first_line = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Add the next bytes and yield the data of the completed events."""
        for line in self._lines(chunk):
            if not line:
                if self._data:
                    data, self._data = b"\n".join(self._data), []
                    yield data
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                self._data.append(b"")

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the completed lines as bytes, so that no character is split."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk.endswith(b"\r"):
            self._after_cr = True
        self._pending += chunk
        if b"\n" not in chunk and b"\r" not in chunk:
            return
        *lines, rest = bytes(self._pending).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._pending = bytearray(rest)
        for line in lines:
            yield line.removeprefix(_BOM) if self._is_first_line else line
            self._is_first_line = False
