"""Base URLs and keys in the forms that people write."""

from __future__ import annotations

import pytest

from runtime_core.adapters.openai.call import is_loopback, read_api_key, read_base_url
from runtime_core.errors import SettingsError


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
        (" http://127.0.0.1:8080/ ", "http://127.0.0.1:8080/v1"),
        ("https://models.example/v1beta/openai/", "https://models.example/v1beta/openai"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
    ],
)
def test_base_urls(given: str, read: str) -> None:
    assert read_base_url(given) == read


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api.openai.com",
        "ftp://x/v1",
        "http://",
        "http://x:port/v1",
        "https://me:word@x/v1",
        "https://x/v1?key=1",
        "http://[::1",
    ],
)
def test_what_is_no_base_url_names_the_setting(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_base_url(given)

    assert caught.value.name == "OPENAI_BASE_URL"
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(("given", "read"), [(None, None), ("", None), ("  ", None), (" sk-1\n", "sk-1")])
def test_keys(given: str | None, read: str | None) -> None:
    assert read_api_key(given) == read


@pytest.mark.parametrize("given", ["sk-1 sk-2", "sk-1\nsk-2", "sk-é", "sk-\x00"])
def test_what_cannot_be_a_key_is_not_shown(given: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as caught:
        read_api_key(given)

    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1/v1", True),
        ("http://localhost:11434", True),
        ("http://models.localhost", True),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1", False),
        ("https://api.openai.com/v1", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
