"""Background work in a handler: the invocation waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from runtime_core import Content, DeadlineExceeded
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.deployment.deployment import Deployment
from runtime_core.orchestrator.eliza_os import ElizaOS
from runtime_core.settings import Settings
from runtime_core.support import background


@pytest.fixture
def environment() -> Iterator[Environment]:
    settings = Settings(database_url="sqlite://", agents="tests.component.http.echo:AGENTS", model_max_retries=0)
    environment = Environment(lambda: settings)
    yield environment
    environment.close()


@pytest.mark.spec("O7", "L1")
def test_the_invocation_waits_for_a_message_in_the_background(environment: Environment, context: LocalContext) -> None:
    calls: list[str] = []

    async def on_response(content: Content) -> None:
        calls.append(content.text)

    async def on_complete() -> None:
        calls.append("complete")

    async def answered(deployment: Deployment) -> str:
        runtime = await deployment.runtime(deployment.agent_id(None))
        message = {"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello!"}}
        handled = await ElizaOS().handle_message(runtime, message, on_response=on_response, on_complete=on_complete)
        assert calls == []
        return str(handled.processing)

    assert environment.run(answered, context) == "None"
    assert calls == ["You said Hello!", "complete"]


@pytest.mark.spec("O7", "L8")
def test_background_work_that_outlasts_the_invocation_is_logged_and_cancelled(environment: Environment) -> None:
    calls: list[str] = []

    async def on_error(error: Exception) -> None:
        calls.append(type(error).__name__)

    async def on_complete() -> None:
        calls.append("complete")

    async def on_response(content: Content) -> None:
        await asyncio.Event().wait()

    async def answered(deployment: Deployment) -> None:
        runtime = await deployment.runtime(deployment.agent_id(None))
        message = {"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello!"}}
        await ElizaOS().handle_message(
            runtime, message, on_response=on_response, on_error=on_error, on_complete=on_complete
        )

    with pytest.raises(DeadlineExceeded):
        environment.run(answered, LocalContext(function_name="message", timeout_s=1))
    assert calls == ["DeadlineExceeded", "complete"]


def test_a_failing_event_still_waits_for_its_background_work(environment: Environment, context: LocalContext) -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("done")

    async def failing(_: Deployment) -> None:
        background.start(work(), name="work", owner=None)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        environment.run(failing, context)
    assert done == ["done"]


async def test_failing_background_work_is_logged_and_ends_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def failing() -> None:
        raise ZeroDivisionError("by zero")

    owner = object()
    background.start(failing(), name="division", owner=owner)
    await background.finished(owner)
    await asyncio.sleep(0)
    assert [(record.message, vars(record)["work"]) for record in caplog.records] == [
        ("background work failed", "division")
    ]
