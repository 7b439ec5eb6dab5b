"""Splitting of documents into passages."""

from __future__ import annotations

from runtime_core.queues.embedding.packing import estimate_tokens
from runtime_core.recall.passages import PASSAGE_TOKENS, split_passages

LONG = " ".join(f"Sentence number {n} says something of its own." for n in range(200))


def test_each_section_is_a_passage_under_its_headings() -> None:
    text = f"# Guide\n\n{LONG[:900]}\n\n## Cooling\n\n{LONG[:600]}\n\n# Other\n\n{LONG[:500]}"
    assert [each.headings for each in split_passages(text)] == [("Guide",), ("Guide", "Cooling"), ("Other",)]


def test_a_long_section_is_cut_between_sentences() -> None:
    passages = split_passages(f"# Guide\n\n{LONG}")
    assert len(passages) > 3
    assert all(estimate_tokens(each.text) <= PASSAGE_TOKENS for each in passages)
    assert all(each.text.endswith(".") for each in passages)
    assert " ".join(each.text for each in passages) == LONG


def test_small_sections_of_one_heading_share_a_passage() -> None:
    (passage,) = split_passages("# Hours\n\n## Monday\n\n9 to 5\n\n## Tuesday\n\nclosed")
    assert passage.full_text == "Hours\nMonday\n9 to 5\n\nTuesday\nclosed"


def test_a_heading_inside_of_code_is_none() -> None:
    (passage,) = split_passages("# Install\n\n```sh\n# not a heading\nmake\n```\n")
    assert passage.headings == ("Install",)
    assert "# not a heading" in passage.text


def test_plain_text_has_no_headings() -> None:
    (passage,) = split_passages("Just a line.\n\nAnd another.")
    assert (passage.headings, passage.full_text) == ((), "Just a line.\n\nAnd another.")


def test_nothing_gives_no_passage() -> None:
    assert split_passages("  \n\n# Only a heading\n") == []
