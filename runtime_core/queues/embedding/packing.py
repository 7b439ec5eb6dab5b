"""Token estimates of texts, and the cutting of long texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_core.domain.frozen import dataclass

_BYTES_PER_TOKEN = 3  # English has 4 and more, Chinese 3 in UTF-8; overestimates, so that a call is not refused
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…。\uff01\uff1f])\s*"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingLimits:
    """Limits of one embedding call, in estimated tokens.

    Attributes:
        inputs: Maximum number of texts.
        tokens_per_input: A longer text is cut into fragments of `tokens_per_fragment`, which search finds better than
            fragments of the maximum size.
        tokens_per_call: Maximum of all texts together.

    Source:
        https://platform.openai.com/docs/api-reference/embeddings/create
    """

    inputs: int = 2048
    tokens_per_input: int = 8192
    tokens_per_call: int = 300_000
    tokens_per_fragment: int = 1024


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text; an upper bound for natural language."""
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def cut(text: str, tokens: int) -> list[str]:
    """Cut a text into the longest pieces of at most `tokens` tokens.

    Cuts are between paragraphs if possible, otherwise between lines, sentences or words, and finally anywhere.
    """
    return [each for each in _cut(text, tokens, 0) if each.strip()]


def _cut(text: str, tokens: int, border: int) -> Iterator[str]:
    if estimate_tokens(text) <= tokens:
        yield text
        return
    if border == len(_BORDERS):
        yield from _cut_anywhere(text, tokens)
        return
    piece = ""
    for part in _split(text, _BORDERS[border]):
        if estimate_tokens(piece + part) <= tokens:
            piece += part
            continue
        if piece:
            yield piece
            piece = ""
        *whole, piece = _cut(part, tokens, border + 1)
        yield from whole
    if piece:
        yield piece


def _split(text: str, border: re.Pattern[str]) -> Iterator[str]:
    """Split a text at its borders; each part ends with its border."""
    start = 0
    for match in border.finditer(text):
        if match.end() > start:
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


def _cut_anywhere(text: str, tokens: int) -> Iterator[str]:
    limit_bytes = tokens * _BYTES_PER_TOKEN
    piece: list[str] = []
    size_bytes = 0
    for character in text:
        length = len(character.encode())
        if piece and size_bytes + length > limit_bytes:
            yield "".join(piece)
            piece, size_bytes = [], 0
        piece.append(character)
        size_bytes += length
    yield "".join(piece)
