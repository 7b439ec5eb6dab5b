"""Error output of a command: a cause and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import click

from runtime_core import errors
from runtime_core.errors import MayflyError

_HINTS: Mapping[type[MayflyError], str] = {
    errors.SchemaOutOfDate: "Run `mayfly migrate`.",
    errors.StoreUnavailable: "Start the database, or correct its address in DATABASE_URL.",
    errors.ModelAuthenticationFailed: "Check OPENAI_API_KEY.",
    errors.ModelRequestRejected: "Check the models in TEXT_SMALL_MODEL and TEXT_LARGE_MODEL.",
    errors.ModelUnavailable: "Start the model's server, or correct its address in OPENAI_BASE_URL.",
    errors.ModelTimeout: "Raise MODEL_TIMEOUT_S.",
    errors.SettingsError: "Settings are environment variables; the README lists them.",
}


class Failure(click.ClickException):
    """A command failed for a known cause; the exit code is 1."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(self.format_message(), err=True)
        if self.hint:
            click.secho(f"Hint: {self.hint}", dim=True, err=True)


def failure_of(error: MayflyError) -> Failure:
    """Convert an error of this package to a failure."""
    return Failure(str(error) or type(error).__name__, hint=hint(error))


def hint(error: MayflyError) -> str:
    """Return the hint for an error; empty if there is none."""
    return hint_for(error.code)


def hint_for(code: str) -> str:
    """Return the hint for an error code; empty if there is none."""
    return next((text for kind, text in _HINTS.items() if kind.code == code), "")
