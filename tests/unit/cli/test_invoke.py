"""Handlers, results and contexts of `mayfly invoke`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from runtime_core.cli.invoke import LocalContext, error_text, load_handler


@pytest.mark.parametrize("name", ["os.path:join", "os.path.join", "os/path.join"])
def test_a_handler_is_found_in_each_form_of_its_name(name: str) -> None:
    found: object = load_handler(name)
    assert found is os.path.join


def test_a_handler_whose_module_lacks_a_package_shows_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy.py").write_text("import a_package_that_is_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_installed"):
        load_handler("needy:handler")
    with pytest.raises(click.BadParameter, match="there is no module"):
        load_handler("needy_not:handler")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, ""),
        ({"text": "fine"}, ""),
        ({"error": {"code": "a", "message": "b"}}, "b"),
        ({"statusCode": 204}, ""),
        ({"statusCode": 422, "body": '{"detail": "text: is required"}'}, "HTTP 422: text: is required"),
        ({"statusCode": 500, "body": "<html>"}, "HTTP 500"),
        ({"statusCode": 502}, "HTTP 502"),
    ],
)
def test_an_error_is_found_in_each_form_of_a_result(result: object, text: str) -> None:
    assert error_text(result) == text


def test_a_context_has_no_time_left_when_it_is_used_up() -> None:
    assert LocalContext(function_name="a", timeout_s=0).get_remaining_time_in_millis() == 0
