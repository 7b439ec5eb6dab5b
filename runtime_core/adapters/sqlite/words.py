"""Full-text queries that match any word of a text."""

from __future__ import annotations

import re
from pathlib import Path

MOST_WORDS = 200  # of a query; more do not improve the results, and SQLite limits the size of an expression

# English words that occur in almost every text. Postgres drops similar words from its 'english' queries, so both
# databases read a query alike.
STOP_WORDS = frozenset(Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8").split())
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")  # white space and ASCII punctuation; FTS5 splits at the rest


def any_word(text: str) -> str:
    """Build the FTS5 query of a text; empty without a word.

    Each word is quoted, so that a text cannot contain query syntax.
    """
    words = dict.fromkeys(word for word in _BETWEEN_WORDS.split(text.casefold()) if word and word not in STOP_WORDS)
    return " OR ".join(f'"{word}"' for word in list(words)[:MOST_WORDS])
