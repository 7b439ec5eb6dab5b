from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.settings import Settings

Event: TypeAlias = dict[str, Any]
EVENTS = Path(__file__).parent / "events"


def kept_event(name: str, **changes: Any) -> Event:
    """Read a stored event, replacing some of its top-level fields."""
    event: Event = json.loads((EVENTS / f"{name}.json").read_text())
    return {**event, **changes}


@pytest.fixture
def context() -> LocalContext:
    return LocalContext(function_name="api", timeout_s=30)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database, once per kind."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else "sqlite://"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Open a separate environment with an in-memory database and echoing agents."""
    settings = Settings(database_url="sqlite://", agents="tests.component.http.echo:AGENTS", model_max_retries=0)
    environment = Environment(lambda: settings)
    monkeypatch.setattr("handlers.api.environment", environment)
    yield environment
    environment.close()
