"""Token estimates are upper bounds, and texts are cut at natural borders."""

from __future__ import annotations

import pytest

from runtime_core.queues.embedding.packing import cut, estimate_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("word " * 300, 500), ("字" * 100, 100)])
def test_a_token_is_estimated_as_three_bytes(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "One paragraph of some words.\n\n" * 40,
        "A line\n" * 200,
        "A sentence. Another one! A question? " * 50,
        "words " * 500,
        "x" * 5000,
        "字" * 2000,
        "ends without a border " + "y" * 3000 + "\n\nand goes on",
    ],
)
def test_pieces_fit_and_contain_all_of_the_text(text: str) -> None:
    pieces = cut(text, 64)
    assert max(estimate_tokens(each) for each in pieces) <= 64
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_paragraphs_that_fit_stay_whole() -> None:
    paragraphs = ["First one. It has two sentences.\n\n", "Second one. It has two, too.\n\n", "Third."]
    assert cut("".join(paragraphs), 14) == [paragraphs[0], paragraphs[1] + paragraphs[2]]


def test_a_text_that_fits_is_one_piece() -> None:
    assert cut("Short.\n\nAnd good.", 100) == ["Short.\n\nAnd good."]
