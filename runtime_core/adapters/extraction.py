"""Text extraction from files, with headings as Markdown.

Only the command line uses this module.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mammoth
from markdownify import ATX, MarkdownConverter
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from runtime_core.errors import InvalidInput


def extract(path: Path) -> str:
    """Extract the text of a file, in the format of its suffix.

    Raises:
        InvalidInput: The suffix is unknown or the content does not match it; names the file.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{path}: unsupported file type; supported are {', '.join(sorted(READERS))}")
    try:
        return reader(path.read_bytes())
    except (ValueError, KeyError, OSError, PyPdfError, zipfile.BadZipFile, csv.Error, RecursionError) as error:
        raise InvalidInput(f"{path}: not readable as {path.suffix}: {type(error).__name__}: {error}") from error


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig").replace("\x00", "")


def _html(content: bytes) -> str:
    converter = MarkdownConverter(heading_style=ATX, strip=["img", "a", "script", "style"])
    return str(converter.convert(_without_scripts(content)))


def _without_scripts(content: bytes) -> str:
    from bs4 import BeautifulSoup  # noqa: PLC0415 - markdownify's own dependency

    soup = BeautifulSoup(content, "html.parser")
    for each in soup(["script", "style", "nav", "template"]):
        each.decompose()
    return str(soup)


def _docx(content: bytes) -> str:
    return _html(mammoth.convert_to_html(io.BytesIO(content)).value.encode())


def _pdf(content: bytes) -> str:
    pages = PdfReader(io.BytesIO(content)).pages
    return "\n\n".join(page.extract_text() for page in pages).replace("\x00", "")


def _csv(content: bytes) -> str:
    """Convert each row to `column: value` pairs.

    With the column names, a passage makes sense without the header.
    """
    text = _text(content)
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    return "\n".join(_facts({key: value for key, value in row.items() if key}) for row in rows)


def _json(content: bytes) -> str:
    value = json.loads(content)
    items = value if isinstance(value, list) else [value]
    return "\n\n".join("\n".join(_lines(item, "")) for item in items)


def _facts(row: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in row.items() if value not in ("", None))


def _lines(value: Any, name: str) -> Iterator[str]:
    """Yield each value with the path of keys to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _lines(item, f"{name} {key}".strip())
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, name)
    elif value not in ("", None):
        yield f"{name}: {value}" if name else str(value)


READERS: Mapping[str, Callable[[bytes], str]] = {
    ".txt": _text,
    ".md": _text,
    ".markdown": _text,
    ".html": _html,
    ".htm": _html,
    ".docx": _docx,
    ".pdf": _pdf,
    ".csv": _csv,
    ".json": _json,
}
