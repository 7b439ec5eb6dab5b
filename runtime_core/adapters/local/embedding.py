"""Local embedding model that needs no network.

An embedding is the mean of word vectors, which come from a wheel.
"""

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
_CHUNK_CHARACTERS = 4_000  # limits the memory of one text's matrix of token vectors


class _WordVectors(Protocol):
    """Part of `wordllama.inference.WordLlamaInference` in use."""

    def embed(self, texts: list[str], *, norm: bool, return_np: bool) -> list[list[float]]: ...


def is_installed() -> bool:
    """Check whether the word vectors are installed, without importing them."""
    return find_spec(_LIBRARY) is not None


class LocalEmbeddingModel:
    """Embedding model with the mean of token vectors: 256 dimensions, unit length.

    The vectors are loaded at the first call and kept. A text without known tokens (only spaces or control characters)
    gets the first unit vector, which is valid but far from any real text. Long texts are embedded in pieces, whose
    means are weighted by length.
    """

    def __init__(self) -> None:
        self._vectors: _WordVectors | None = None
        self._loading = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Embed texts.

        Raises:
            ModelNotFound: The extra with the word vectors is not installed.
            ModelRequestRejected: No text was given, or an empty one.
            DeadlineExceeded: No time was left.
        """
        if not texts or not all(texts):
            raise ModelRequestRejected("an empty text has no embedding")
        async with within(_TIME_S, "embedding"):
            vectors = await asyncio.to_thread(self._embed, tuple(texts))
        usage = Usage(input_tokens=sum(len(text.split()) for text in texts))
        return EmbeddingResponse(vectors=vectors, usage=usage, model=MODEL_NAME)

    def _embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        with self._loading:  # a tokenizer changes its padding state during a call, so one text at a time
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
    """Split a text into pieces of limited size, between words if possible."""
    for found in re.finditer(rf"\S(?:.{{0,{_CHUNK_CHARACTERS}}}(?!\S)|.{{0,{_CHUNK_CHARACTERS}}})", text, re.DOTALL):
        yield found.group()


def _load() -> _WordVectors:
    if not is_installed():
        raise ModelNotFound("local embeddings need word vectors: pip install 'mayfly[local]'")
    with _preserve_root_logger():
        library: Any = import_module(_LIBRARY)
    folder = Path(library.__file__).parent  # the library's own search looks one folder too high for the tokenizer
    vectors: _WordVectors = library.WordLlama.load(cache_dir=folder, disable_download=True)
    return vectors


@contextmanager
def _preserve_root_logger() -> Iterator[None]:
    """Undo the library's `logging.basicConfig` at import: the application configures logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for handler in [each for each in root.handlers if each not in handlers]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
