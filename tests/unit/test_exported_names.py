"""The package's surface: what it says it exports is what can be imported, and importing it loads nothing."""

from __future__ import annotations

import pytest

import runtime_core


@pytest.mark.parametrize("name", runtime_core.__all__)
def test_what_is_listed_can_be_imported(name: str) -> None:
    assert getattr(runtime_core, name).__name__ == name


def test_the_list_is_sorted_and_whole() -> None:
    assert list(runtime_core.__all__) == sorted(runtime_core.__all__)
    assert set(runtime_core.__all__) <= set(dir(runtime_core))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = runtime_core.Nothing  # type: ignore[attr-defined]
