"""Stable ids: a text has the same UUID as in elizaOS."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runtime_core.domain.ids import parse_uuid, string_to_uuid


def test_a_text_has_the_uuid_that_elizaos_gives_it() -> None:
    assert string_to_uuid("test") == UUID("a94a8fe5-ccb1-0ba6-9c4c-0873d391e987")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "da39a3ee-5e6b-0b0d-b255-bfef95601890"),  # sha1 of the empty string
        ("hello world", "f0355dd5-2823-054c-ae66-a0b12842c215"),  # of hello%20world
        ("ü/?#", "8cf3e0d4-3ddc-08ec-a227-124d20c0c89c"),  # of %C3%BC%2F%3F%23
        ("-_.!~*'()", "5d7fefa5-2f91-0fb1-b734-f27d1226ba15"),  # of itself
    ],
)
def test_a_text_is_escaped_as_a_uri_component_first(text: str, expected: str) -> None:
    assert string_to_uuid(text) == UUID(expected)


def test_texts_have_version_0_and_the_rfc_variant() -> None:
    for text in ("a", "b", "Ada", "42", "👋"):
        made = str(string_to_uuid(text))
        assert made[14] == "0"
        assert made[19] in "89ab"


def test_a_uuid_comes_back_unchanged_also_as_text() -> None:
    given = uuid4()
    assert string_to_uuid(given) == given
    assert string_to_uuid(str(given)) == given
    assert string_to_uuid(str(given).upper()) == given
    assert string_to_uuid(string_to_uuid("test")) == string_to_uuid("test")


def test_different_texts_have_different_ids() -> None:
    texts = ["", " ", "a", "A", "a ", "á", "a\u0301"]
    assert len({string_to_uuid(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "test",
        "a94a8fe5ccb10ba69c4c0873d391e987",
        "{a94a8fe5-ccb1-0ba6-9c4c-0873d391e987}",
        "urn:uuid:a94a8fe5-ccb1-0ba6-9c4c-0873d391e987",
        "a94a8fe5-ccb1-0ba6-9c4c-0873d391e98g",
        "a94a8fe5ccb1-0ba6-9c4c-0873d391e98-7",
        "a94a8fe5ccb10ba6-9c4c-0873d391e987--",
        "a94a8fe5-ccb1-0ba6-9c4c-0873d391e9870",
    ],
)
def test_anything_but_the_form_of_36_characters_is_no_uuid(text: str) -> None:
    assert parse_uuid(text) is None
