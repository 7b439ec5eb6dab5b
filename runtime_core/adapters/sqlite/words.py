"""A text as a full-text query that any of its words satisfies."""

from __future__ import annotations

import re
from pathlib import Path

MOST_WORDS = 200  # of a query; more find nothing better, and SQLite limits how large an expression gets

# English words that stand in almost every text and so find nothing.
# Postgres leaves the like out of its 'english' queries: the two databases agree on what a query asks for.
STOP_WORDS = frozenset(Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8").split())
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")  # white space and ASCII punctuation; FTS5 splits at the rest


def any_word(text: str) -> str:
    """Give the FTS5 query for a text, each word quoted, so that no text is a query language; empty without a word."""
    words = dict.fromkeys(word for word in _BETWEEN_WORDS.split(text.casefold()) if word and word not in STOP_WORDS)
    return " OR ".join(f'"{word}"' for word in list(words)[:MOST_WORDS])
