"""The audit trail, with secrets masked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from runtime_core import Action, AgentRuntime, Plugin
from runtime_core.domain.chat import ModelType
from runtime_core.domain.records import Log
from runtime_core.errors import InvalidRecord
from runtime_core.plugin_api import Context
from runtime_core.rooms.audit import audit


@pytest.fixture
async def runtime() -> AsyncIterator[AgentRuntime]:
    async def answer(_: Context, params: object) -> str:
        return "Yes."

    plugin = Plugin(name="models", models={ModelType.TEXT_LARGE: answer, ModelType.TEXT_SMALL: answer})
    character = {"name": "Ada", "secrets": {"TOKEN": "s3cret-value"}}
    settings = {"DATABASE_URL": "sqlite://"}
    async with AgentRuntime(character=character, plugins=[plugin], settings=settings) as runtime:
        yield runtime


@pytest.mark.spec("D8")
async def test_a_line_says_who_where_and_in_which_run(runtime: AgentRuntime) -> None:
    message = runtime.as_message({"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello"}})
    run_id = runtime.start_run(message.room_id)
    try:
        line_id = await audit(runtime, "thing.done", {"n": 1}, message)
    finally:
        runtime.end_run()
    [line] = await runtime.get_logs()
    assert (line.id, line.type, dict(line.body)) == (line_id, "thing.done", {"n": 1})
    assert (line.entity_id, line.room_id, line.run_id) == (message.entity_id, message.room_id, run_id)
    assert line.created_at is not None


@pytest.mark.spec("D8", "R10")
async def test_secrets_are_masked_at_any_depth_and_the_rest_is_kept(runtime: AgentRuntime) -> None:
    told = {"text": "it is s3cret-value", "s3cret-value": [{"deep": ("s3cret-value", 7, None)}]}
    await audit(runtime, "thing.done", told)
    [line] = await runtime.get_logs(type="thing.done")
    assert line.body == {"text": "it is [redacted]", "[redacted]": [{"deep": ["[redacted]", 7, None]}]}
    assert line.entity_id == runtime.agent_id


@pytest.mark.spec("D8", "P4")
async def test_an_action_that_ran_failed_or_was_refused_leaves_a_line(runtime: AgentRuntime) -> None:
    async def act(_: Context) -> str:
        return "done"

    async def fail(_: Context) -> None:
        raise ZeroDivisionError("on purpose")

    runtime.register_action(Action(name="ACT", description="Acts", handler=act))
    runtime.register_action(Action(name="FAIL", description="Fails", handler=fail))
    runtime.register_action(Action(name="RULE", description="Rules", handler=act, roles=("OWNER",)))
    message = runtime.as_message({"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello"}})
    for name in ("ACT", "FAIL", "RULE"):
        await runtime.execute_planned_tool_call({"message": message}, {"name": name})
    lines = await runtime.get_logs()
    assert [line.type for line in lines] == ["action.completed", "action.failed", "action.refused"]
    assert [line.body["action"] for line in lines] == ["ACT", "FAIL", "RULE"]
    assert {line.entity_id for line in lines} == {message.entity_id}


@pytest.mark.spec("D8")
async def test_the_trail_is_append_only(runtime: AgentRuntime) -> None:
    line_id = await audit(runtime, "thing.done", {})
    with pytest.raises(InvalidRecord):
        await runtime.database.records.update(runtime.agent_id, [Log(id=line_id, type="nothing.done")])
    with pytest.raises(InvalidRecord):
        await runtime.database.records.delete(Log, runtime.agent_id, id=line_id)
