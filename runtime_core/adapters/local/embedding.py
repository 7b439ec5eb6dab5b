"""The local embedding model: the mean of real word vectors, from a wheel, without any network."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from runtime_core.domain.chat import EmbeddingResponse, Usage
from runtime_core.errors import ModelNotFound, ModelRequestRejected
from runtime_core.support.deadline import within

MODEL_NAME = "wordllama-l2-supercat-256"
DIMENSION = 256

_LIBRARY = "wordllama"
_TIME_S = 60.0
_CHUNK_CHARACTERS = 4_000  # bounds the memory that one text's matrix of token vectors takes


class _WordVectors(Protocol):
    """What is used of `wordllama.inference.WordLlamaInference`."""

    def embed(self, texts: list[str], *, norm: bool, return_np: bool) -> list[list[float]]: ...


def is_installed() -> bool:
    """Whether the word vectors are there; costs no import."""
    return find_spec(_LIBRARY) is not None


class LocalEmbeddingModel:
    """Embeds texts as the mean of their tokens' vectors: 256 dimensions, unit length.

    Loaded at the first call, kept afterwards. A text of which nothing is known (only spaces or
    control characters) gets the first unit vector, so that each text has a valid vector; it is near to
    nothing a person would write. Long texts are embedded in pieces, their means weighted by length.
    """

    def __init__(self) -> None:
        self._vectors: _WordVectors | None = None
        self._loading = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Embed texts.

        Raises:
            ModelNotFound: The extra with the word vectors is not installed.
            ModelRequestRejected: There is no text, or an empty one.
            DeadlineExceeded: No time was left for it.
        """
        if not texts or not all(texts):
            raise ModelRequestRejected("an empty text has no embedding")
        async with within(_TIME_S, "embedding"):
            vectors = await asyncio.to_thread(self._embed, tuple(texts))
        usage = Usage(input_tokens=sum(len(text.split()) for text in texts))
        return EmbeddingResponse(vectors=vectors, usage=usage, model=MODEL_NAME)

    def _embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        with self._loading:  # tokenizers change their padding state while they work, so one text at a time
            if self._vectors is None:
                self._vectors = _load()
            return tuple(_embed_text(self._vectors, text) for text in texts)


def _embed_text(vectors: _WordVectors, text: str) -> tuple[float, ...]:
    total = [0.0] * DIMENSION
    for piece in _pieces(text):
        mean = vectors.embed([piece], norm=False, return_np=False)[0]
        total = [sum_ + value * len(piece) for sum_, value in zip(total, mean, strict=True)]
    length = sum(value * value for value in total) ** 0.5
    if length == 0:
        return (1.0, *[0.0] * (DIMENSION - 1))
    return tuple(value / length for value in total)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of bounded size, cut between words where it has any."""
    for found in re.finditer(rf"\S(?:.{{0,{_CHUNK_CHARACTERS}}}(?!\S)|.{{0,{_CHUNK_CHARACTERS}}})", text, re.DOTALL):
        yield found.group()


def _load() -> _WordVectors:
    if not is_installed():
        raise ModelNotFound("local embeddings need word vectors: pip install 'mayfly[local]'")
    with _root_logger_untouched():
        library: Any = import_module(_LIBRARY)
    folder = Path(library.__file__).parent  # its own search looks one folder too high for the tokenizer
    vectors: _WordVectors = library.WordLlama.load(cache_dir=folder, disable_download=True)
    return vectors


@contextmanager
def _root_logger_untouched() -> Iterator[None]:
    """Undo `logging.basicConfig`, which the library calls when it is imported: logging is the application's."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for handler in [each for each in root.handlers if each not in handlers]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
