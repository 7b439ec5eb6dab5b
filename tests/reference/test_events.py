"""docs/events.md lists the actual payloads of events."""

from __future__ import annotations

import asyncio
import re
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core import (
    Action,
    AgentRuntime,
    DeadlineExceeded,
    ElizaOS,
    Evaluator,
    EventType,
    OrchestratorEvent,
    OrchestratorEventType,
)
from runtime_core.errors import ModelTimeout
from runtime_core.orchestrator.events import EventDetail
from tests.model_answers import Gate, Reply, held
from tests.model_server import ScriptedModelServer

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
_ROW = re.compile(r"^\| `([\w:]+)` \|[^|]*\| (.*) \|$", re.MULTILINE)


def read_documented() -> dict[str, set[str]]:
    """Read the payload of each event on the page; `as X, and y` means the payload of X, and y."""
    found: dict[str, set[str]] = {}
    for name, text in _ROW.findall(PAGE):
        names = set(re.findall(r"`(\w+)`", text))
        base = next((each for each in names if each in found), None)
        found[name] = (names - {base}) | found[base] if base else names
    return found


async def _note(told: dict[str, list[dict[str, Any]]], name: str, data: dict[str, Any]) -> None:
    told.setdefault(name, []).append(data)


@pytest.mark.spec("R8")
async def test_a_turn_tells_what_the_page_says(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    told: dict[str, list[dict[str, Any]]] = {}
    for event_type in EventType:
        runtime.on(event_type, partial(_note, told, event_type.value))

    async def act(*_: Any) -> str:
        return "done"

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError("on purpose")

    async def wait(*_: Any) -> None:
        await asyncio.Event().wait()

    runtime.register_action(Action(name="ACT", description="Acts", handler=act))
    runtime.register_action(Action(name="WAIT", description="Waits", handler=wait))
    runtime.register_evaluator(Evaluator(name="GOOD", handler=act))
    runtime.register_evaluator(Evaluator(name="BAD", handler=fail))
    model_server.script(Reply(text=None, tool_calls=[("ACT", {})]), Reply(text="Done."))
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Act!"}}
    await eliza_os.handle_message(runtime, message)
    model_server.script(Reply(text=None, tool_calls=[("WAIT", {})]))
    with pytest.raises(DeadlineExceeded):
        await eliza_os.handle_message(runtime, message, timeout_s=0.5)

    page = read_documented()
    core = {name for name in page if name in EventType.__members__ and not name.startswith("EMBEDDING")}
    assert core <= set(told) <= page.keys()
    for name in set(told) - {"EVALUATOR_COMPLETED"}:
        assert [set(each) for each in told[name]] == [page[name]] * len(told[name]), name
    keys = {each["evaluator"]: set(each) for each in told["EVALUATOR_COMPLETED"]}
    assert keys["BAD"] == page["EVALUATOR_COMPLETED"]
    assert keys["GOOD"] == page["EVALUATOR_COMPLETED"] - {"error"}
    assert [each["status"] for each in told["RUN_ENDED"]] == ["completed"]
    assert [each["status"] for each in told["RUN_TIMEOUT"]] == ["deadline-exceeded"]


@pytest.mark.spec("R8")
async def test_a_model_that_uses_up_the_turns_time_ends_the_run_by_timeout(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    told: list[str] = []
    for event_type in (EventType.RUN_ENDED, EventType.RUN_TIMEOUT):
        runtime.on(event_type, lambda event, name=event_type.value: told.append(f"{name} {event['status']}"))  # type: ignore[misc]  # a default binds it
    gate = Gate()
    model_server.script(held(Reply(text="Late."), gate))
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    with pytest.raises(ModelTimeout):
        await eliza_os.handle_message(runtime, message, timeout_s=0.5)
    gate.open()
    assert told == ["RUN_TIMEOUT model-timeout"]


@pytest.mark.spec("O10")
async def test_the_orchestrator_tells_what_the_page_says(eliza_os: ElizaOS, user_id: UUID, room_id: UUID) -> None:
    told: dict[str, OrchestratorEvent] = {}

    def note(event: OrchestratorEvent) -> None:
        told.setdefault(event.type, event)

    for event_type in OrchestratorEventType:
        eliza_os.add_event_listener(event_type, note)
    [agent_id] = await eliza_os.add_agents([{"character": {"name": "Ada"}}], auto_start=True)
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    await eliza_os.handle_messages([{"agent_id": agent_id, "message": message}])
    await eliza_os.enable_editable_mode()
    await eliza_os.update_agent(agent_id, {"system": "Be brief."})
    await eliza_os.register_agent(AgentRuntime(character={"name": "Bob"}, agent_id=uuid4()))
    await eliza_os.delete_agents([agent_id])

    page = read_documented()
    assert set(told) == {name for name in page if ":" in name} == {each.value for each in OrchestratorEventType}
    empty = EventDetail()
    for name, event in told.items():
        names = [each.name for each in fields(EventDetail)]
        filled = {each for each in names if getattr(event.detail, each) != getattr(empty, each)}
        assert filled == page[name], name
