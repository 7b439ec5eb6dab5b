"""What a user reads when a command fails: one line that says why, and one that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import click

from runtime_core import errors
from runtime_core.errors import MayflyError

_HINTS: Mapping[type[MayflyError], str] = {
    errors.SchemaOutOfDate: "Run `mayfly migrate`.",
    errors.StoreUnavailable: "Is the database running? DATABASE_URL says where it is expected.",
    errors.ModelAuthenticationFailed: "Check OPENAI_API_KEY.",
    errors.ModelRequestRejected: "TEXT_SMALL_MODEL and TEXT_LARGE_MODEL name the models that are asked.",
    errors.ModelUnavailable: "Is the model's server running? OPENAI_BASE_URL says where it is expected.",
    errors.ModelTimeout: "MODEL_TIMEOUT_S says how long a model may take.",
    errors.SettingsError: "Settings are environment variables; the README lists them.",
}


class Failure(click.ClickException):
    """A command failed for a reason the user can understand; exit code 1."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(self.format_message(), err=True)
        if self.hint:
            click.secho(f"Hint: {self.hint}", dim=True, err=True)


def failure_of(error: MayflyError) -> Failure:
    """The failure that an error of ours is to the user."""
    return Failure(str(error) or type(error).__name__, hint=hint(error))


def hint(error: MayflyError) -> str:
    """What the user can do about an error; empty when its own text says it."""
    return hint_for(error.code)


def hint_for(code: str) -> str:
    """The hint for an error that is known by its code alone."""
    return next((text for kind, text in _HINTS.items() if kind.code == code), "")
