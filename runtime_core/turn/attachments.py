"""Conversion of a message's attachments into text, before the agent answers.

Images are described, speech is transcribed and text documents are read, within limits. For an unreadable attachment
the description gives the reason, and the turn continues.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import codecs
import logging
import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from runtime_core.domain.chat import ModelType
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Media, Memory
from runtime_core.errors import DeadlineExceeded, FetchRefused, MayflyError
from runtime_core.ports import Fetched, Fetcher
from runtime_core.settings import Settings
from runtime_core.wiring import open_fetcher

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context

log = logging.getLogger(__name__)

_TEXT_TYPES = frozenset(
    {"application/json", "application/ld+json", "application/xml", "application/yaml", "application/x-yaml"}
    | {"application/toml", "application/x-ndjson", "application/javascript", "application/sql", "application/csv"}
)
_GENERIC_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
# An allow list: some of Python's other codecs (punycode) are slow enough for a denial of service.
_CHARSETS = ("utf-16", "utf-32", "ascii", "iso8859", "cp12", "shift_jis", "euc_", "gb", "big5", "koi8", "mac")
_IMAGES: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on reading a message's attachments; the settings `ATTACHMENT_…`."""

    count: int
    size_bytes: int
    text_length: int
    timeout_s: float


def limits_of(settings: Settings) -> Limits:
    """Return the deployment's limits."""
    return Limits(
        count=settings.attachment_limit,
        size_bytes=settings.attachment_limit_bytes,
        text_length=settings.attachment_text_limit,
        timeout_s=settings.attachment_timeout_s,
    )


def is_unread(media: Media) -> bool:
    """Whether an attachment has neither description nor text yet."""
    return media.description is None and media.text is None


async def read_attachments(runtime: Context, message: Memory) -> Memory:
    """Read a message's attachments, and store the message if it changed.

    Raises:
        StoreError: The message could not be stored.
    """
    given, limits = message.content.attachments, limits_of(runtime.settings)
    if not any(is_unread(each) for each in given):
        return message
    fetcher = open_fetcher(runtime.settings)
    wanted = [index for index, each in enumerate(given) if is_unread(each)]
    read = await asyncio.gather(
        *(_read_attachment(runtime, given[index], fetcher, limits) for index in wanted[: limits.count])
    )
    done = dict(zip(wanted, read, strict=False))
    for index in wanted[limits.count :]:
        done[index] = _note_failure(
            given[index], f"a message's first {limits.count} attachments are read, this is one more"
        )
    media = tuple(done.get(index, each) for index, each in enumerate(given))
    message = replace(message, content=replace(message.content, attachments=media))
    await runtime.database.memories.update(runtime.agent_id, [message])
    return message


async def _read_attachment(runtime: Context, media: Media, fetcher: Fetcher, limits: Limits) -> Media:
    try:
        file = _from_data_url(media.url, limits) if _is_data(media.url) else await _fetch(media.url, fetcher, limits)
        return await _read(runtime, media, replace(file, content_type=_type_of(media, file)), limits)
    except DeadlineExceeded as error:
        return _note_failure(media, f"it took too long ({error})")
    except MayflyError as error:
        log.warning("attachment not read", extra={"error_code": error.code, "attachment": media.id})
        return _note_failure(media, str(error))


async def _fetch(url: str, fetcher: Fetcher, limits: Limits) -> Fetched:
    return await fetcher.fetch(url, limit_bytes=limits.size_bytes, timeout_s=limits.timeout_s)


def _note_failure(media: Media, why: str) -> Media:
    return replace(media, description=f"could not be read: {why}")


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _from_data_url(url: str, limits: Limits) -> Fetched:
    """Read a `data:` URL (RFC 2397)."""
    head, found, body = url[5:].partition(",")
    if not found:
        raise FetchRefused("its data URL holds no data")
    content_type, *parameters = (part.strip().lower() for part in head.split(";"))
    is_base64 = "base64" in parameters
    if len(body) > limits.size_bytes * (4 / 3 if is_base64 else 3) + 4:
        raise FetchRefused(f"it has more than the {limits.size_bytes:,} bytes that are read")
    content = unquote_to_bytes(body)
    if is_base64:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise FetchRefused("its data URL is not base64, as it says it is") from error
    if len(content) > limits.size_bytes:
        raise FetchRefused(f"it has more than the {limits.size_bytes:,} bytes that are read")
    charset = next((each.removeprefix("charset=") for each in parameters if each.startswith("charset=")), None)
    return Fetched(content=content, content_type=content_type or "text/plain", charset=charset)


def _type_of(media: Media, file: Fetched) -> str:
    """Return a file's content type.

    Returns:
        The server's type, else the sender's, else the type of the file name.

    Raises:
        FetchRefused: The sender and the server name types of different kinds.
    """
    said = (media.content_type or "").partition(";")[0].strip().lower()
    if file.content_type in _GENERIC_TYPES:
        named = "" if _is_data(media.url) else mimetypes.guess_type(urlsplit(media.url).path)[0]
        return said or named or file.content_type
    if "/" in said and said not in _GENERIC_TYPES and _kind(said) != _kind(file.content_type):
        raise FetchRefused(f"it is said to be {said}, but it is {file.content_type}")
    return file.content_type


def _kind(content_type: str) -> str:
    is_text = content_type in _TEXT_TYPES or content_type.endswith(("+json", "+xml")) or content_type[:5] == "text/"
    if is_text and not content_type.startswith("image/"):
        return "text"
    return content_type.partition("/")[0]


async def _read(runtime: Context, media: Media, file: Fetched, limits: Limits) -> Media:
    if not file.content:
        raise FetchRefused("it is empty")
    media = replace(media, content_type=file.content_type)
    kind = _kind(file.content_type)
    if kind == "image":
        return await _describe(runtime, media, file)
    if kind == "audio":
        return await _transcribe(runtime, media, file)
    if kind == "text":
        text = _decode(file)
        cut = (
            f"\n[cut after {limits.text_length:,} of {len(text):,} characters]"
            if len(text) > limits.text_length
            else ""
        )
        return replace(media, text=text[: limits.text_length] + cut)
    raise FetchRefused(f"files of type {file.content_type or 'unknown'} are not read")


async def _describe(runtime: Context, media: Media, file: Fetched) -> Media:
    found = _image_type(file.content)
    if found is None:
        raise FetchRefused(f"it is said to be {file.content_type}, but it is no PNG, JPEG, GIF or WebP image")
    url = f"data:{found};base64,{base64.b64encode(file.content).decode()}"
    answer = await runtime.use_model(ModelType.IMAGE_DESCRIPTION, {"image_url": url})
    seen: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {"description": str(answer)}
    return replace(
        media,
        content_type=found,
        title=media.title or str(seen.get("title") or "") or None,
        description=str(seen.get("description") or "").strip() or "an image that says nothing",
    )


async def _transcribe(runtime: Context, media: Media, file: Fetched) -> Media:
    extension = mimetypes.guess_extension(file.content_type) or ".wav"
    params = {"audio": file.content, "filename": f"audio{extension}"}
    said = str(await runtime.use_model(ModelType.TRANSCRIPTION, params)).strip()
    return replace(media, description="speech, written down", text=said or "(nothing is said)")


def _image_type(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGES.items() if content.startswith(start)), None)


def _decode(file: Fetched) -> str:
    if b"\x00" in file.content and not file.content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FetchRefused(f"it is said to be {file.content_type}, but it is no text")
    start = file.content[:2]
    charset = "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _known_charset(file.charset)
    try:
        return file.content.decode(charset).replace("\x00", "")
    except ValueError as error:
        raise FetchRefused(f"it is said to be {file.content_type}, but it is not written in {charset}") from error


def _known_charset(charset: str | None) -> str:
    """Return the declared charset; UTF-8 if it is missing or not allowed."""
    try:
        name = codecs.lookup(charset or "utf-8").name
    except LookupError:
        return "utf-8-sig"
    return name if name.startswith(_CHARSETS) and name != "utf-8" else "utf-8-sig"
