"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

from runtime_core.settings import DERIVED, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_lists_every_setting_once() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)`", README, flags=re.MULTILINE)
    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields if name not in DERIVED)


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


def test_the_sample_event_named_is_there() -> None:
    for name in re.findall(r"events/\w+\.json", README):
        assert (ROOT / name).exists()


def test_every_page_that_is_linked_is_there() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / link).exists(), link
