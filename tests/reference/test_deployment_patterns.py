"""Deployment patterns: ephemeral, async, several agents, discovery, events, health."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic_core import from_json

from runtime_core import (
    AgentAlreadyRegistered,
    AgentError,
    AgentNotFound,
    AgentRuntime,
    Content,
    ElizaOS,
    InvalidInput,
    Log,
    MayflyError,
    ModelError,
    OrchestratorEvent,
    OrchestratorEventType,
    Plugin,
    Service,
    string_to_uuid,
)
from runtime_core.ports import DatabaseAdapter
from runtime_core.wiring import open_database
from tests.model_answers import Gate, Reply, failure, held
from tests.model_server import MODELS, ScriptedModelServer


@pytest.fixture
async def cached_adapter(database_url: str) -> AsyncIterator[DatabaseAdapter]:
    adapter = open_database(database_url)
    await adapter.migrate()
    yield adapter
    await adapter.close()


@pytest.mark.example("Serverless / Edge Deployment")
@pytest.mark.spec("O2", "O3", "O4", "O5", "L1")
async def test_serverless_edge_deployment(
    eliza_os: ElizaOS, cached_adapter: DatabaseAdapter, user_id: UUID, room_id: UUID
) -> None:
    character = {"name": "Assistant", "bio": "A helpful AI assistant"}
    plugins = ["sql", "openai"]

    # Ephemeral mode - runtime not stored in registry
    [runtime] = await eliza_os.add_agents(
        [
            {
                "character": character,
                "plugins": plugins,
                "database_adapter": cached_adapter,  # Pre-initialized DB
            }
        ],
        ephemeral=True,
        skip_migrations=True,
        auto_start=True,
        return_runtimes=True,
    )

    # Use runtime directly (no registry lookup)
    result = await eliza_os.handle_message(
        runtime, {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!", "source": "lambda"}}
    )

    assert result.processing is not None
    assert result.processing.text == "You said: Hello!"
    assert eliza_os.get_agents() == []
    assert eliza_os.get_agent(runtime.agent_id) is None
    await runtime.stop()
    assert await cached_adapter.ping() > 0, "a lent adapter is never closed"

    gone = weakref.ref(runtime)
    del runtime
    gc.collect()
    assert gone() is None, "nothing keeps an ephemeral runtime alive"


@pytest.mark.example("Async Mode with Callbacks")
@pytest.mark.spec("O7")
async def test_async_mode_with_callbacks(
    eliza_os: ElizaOS, runtime: AgentRuntime, user_id: UUID, room_id: UUID
) -> None:
    emitted: list[tuple[str, Any]] = []
    agent_id = runtime.agent_id
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello there!"}}
    completed = asyncio.Event()

    async def on_response(content: Content) -> None:
        emitted.append(("message", content.text))

    async def on_stream_chunk(chunk: str, message_id: UUID) -> None:
        emitted.append(("chunk", {"chunk": chunk, "message_id": message_id}))

    async def on_error(error: Exception) -> None:
        emitted.append(("error", error))

    async def on_complete() -> None:
        emitted.append(("complete", None))
        completed.set()

    handled = await eliza_os.handle_message(
        agent_id,
        message,
        on_response=on_response,
        on_stream_chunk=on_stream_chunk,
        on_error=on_error,
        on_complete=on_complete,
    )

    assert (handled.processing, emitted) == (None, []), "it returns at once"
    await asyncio.wait_for(completed.wait(), 10)
    kinds = [kind for kind, _ in emitted]
    assert kinds == ["chunk"] * (len(kinds) - 2) + ["message", "complete"]
    chunks = [detail for kind, detail in emitted if kind == "chunk"]
    assert "".join(each["chunk"] for each in chunks) == "You said: Hello there!"
    assert len({each["message_id"] for each in chunks}) == 1


@pytest.mark.spec("O7")
async def test_in_async_mode_a_failure_is_told_and_completion_comes_last(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    model_server.script(failure(500))
    told: list[str] = []

    async def on_error(error: Exception) -> None:
        told.append(type(error).__name__)
        raise ZeroDivisionError("a listener's own fault stops nobody")

    async def on_complete() -> None:
        told.append("complete")

    async def on_response(content: Content) -> None:
        told.append(content.text)

    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    await eliza_os.handle_message(runtime, message, on_response=on_response, on_error=on_error, on_complete=on_complete)
    await runtime.stop()  # waits for what it has in the background
    assert told == ["ModelUnavailable", "complete"]


@pytest.mark.spec("O7")
async def test_stopping_a_runtime_waits_for_its_messages_in_the_background(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    gate = Gate()
    model_server.script(held(Reply(text="Late."), gate))
    said: list[str] = []

    async def on_response(content: Content) -> None:
        said.append(content.text)

    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    await eliza_os.handle_message(runtime, message, on_response=on_response)
    stopping = asyncio.create_task(runtime.stop())
    assert await asyncio.to_thread(gate.reached.wait, 10)
    assert not stopping.done()
    gate.open()
    await asyncio.wait_for(stopping, 10)
    assert said == ["Late."]


@pytest.mark.spec("O7")
async def test_without_on_response_the_call_waits_and_raises(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    model_server.script(failure(500))
    told: list[str] = []

    async def on_error(error: Exception) -> None:
        told.append(type(error).__name__)

    async def on_complete() -> None:
        told.append("complete")

    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    with pytest.raises(ModelError):
        await eliza_os.handle_message(runtime, message, on_error=on_error, on_complete=on_complete)
    assert told == ["ModelUnavailable", "complete"]
    with pytest.raises(AgentNotFound):
        await eliza_os.handle_message(uuid4(), message)


@pytest.mark.spec("O7")
async def test_callbacks_may_be_plain_functions(eliza_os: ElizaOS, runtime: AgentRuntime, user_id: UUID) -> None:
    told: list[str] = []
    completed = asyncio.Event()

    def on_complete() -> None:
        told.append("complete")
        completed.set()

    message = {"entity_id": user_id, "room_id": uuid4(), "content": {"text": "Hello there!"}}
    callbacks: dict[str, Any] = {
        "on_response": lambda content: told.append(f"said {content.text}"),
        "on_stream_chunk": told.append,
        "on_error": lambda error: told.append(repr(error)),
        "on_complete": on_complete,
    }
    await eliza_os.handle_message(runtime, message, **callbacks)
    await asyncio.wait_for(completed.wait(), 10)
    assert told[-2:] == ["said You said: Hello there!", "complete"]
    assert "".join(told[:-2]) == "You said: Hello there!"


@pytest.mark.spec("O6", "O7", "O8")
async def test_an_agent_is_reached_by_its_id_as_text_and_a_wrong_one_is_told(
    eliza_os: ElizaOS, runtime: AgentRuntime, user_id: UUID
) -> None:
    message = {"entity_id": str(user_id), "room_id": str(uuid4()), "content": {"text": "Hello!"}}
    agent_id: Any = str(runtime.agent_id)
    handled = await eliza_os.handle_message(agent_id, message)
    assert handled.user_message.agent_id == runtime.agent_id
    dispatch = {"agent_id": agent_id, "message": {**message, "id": uuid4()}}
    [dispatched] = await eliza_os.handle_messages([dispatch])
    assert (dispatched.agent_id, dispatched.error) == (runtime.agent_id, None)
    with pytest.raises(InvalidInput, match=r"got 'Assistant'; get_agent_by_name\('Assistant'\) finds one by its name"):
        await eliza_os.handle_message("Assistant", message)
    with pytest.raises(AgentNotFound, match=rf"there are Assistant \({agent_id}\)"):
        await eliza_os.handle_message(uuid4(), message)


@pytest.mark.spec("O7", "N5")
async def test_a_field_in_camel_case_is_told_how_it_is_called_here(
    eliza_os: ElizaOS, runtime: AgentRuntime, user_id: UUID
) -> None:
    message = {"entityId": user_id, "roomId": uuid4(), "content": {"text": "Hello!"}}
    with pytest.raises(InvalidInput, match=r"message\.entityId: is not a known .* snake_case, entity_id"):
        await eliza_os.handle_message(runtime, message)


@pytest.mark.example("Multi-Agent Communication")
@pytest.mark.spec("O8")
async def test_multi_agent_communication(eliza_os: ElizaOS) -> None:
    research_agent, writer_agent = await eliza_os.add_agents(
        [{"character": {"name": "Researcher"}}, {"character": {"name": "Writer"}}], auto_start=True
    )
    entity_id, room_id = uuid4(), uuid4()

    results = await eliza_os.handle_messages(
        [
            {
                "agent_id": research_agent,
                "message": {
                    "entity_id": entity_id,
                    "room_id": room_id,
                    "content": {"text": "Research topic X", "source": "internal"},
                },
            },
            {
                "agent_id": writer_agent,
                "message": {
                    "entity_id": entity_id,
                    "room_id": room_id,
                    "content": {"text": "Prepare outline", "source": "internal"},
                },
            },
        ]
    )

    assert [each.agent_id for each in results] == [research_agent, writer_agent]
    assert [each.result.processing.text for each in results if each.result and each.result.processing] == [
        "You said: Research topic X",
        "You said: Prepare outline",
    ]


@pytest.mark.spec("O8")
async def test_one_message_that_fails_never_fails_the_others(
    eliza_os: ElizaOS, runtime: AgentRuntime, user_id: UUID
) -> None:
    def to(agent_id: Any, **changes: Any) -> dict[str, Any]:
        message = {"entity_id": user_id, "room_id": uuid4(), "content": {"text": "Hello!"}}
        return {"agent_id": agent_id, "message": message, **changes}

    results = await eliza_os.handle_messages(
        [
            to(uuid4()),
            to(runtime.agent_id, options={"timeout_s": 30}),
            to("nobody"),
            to(runtime.agent_id, options={"colour": "red"}),
            to(runtime.agent_id, message={"content": {"text": "Whose room?"}}),
            {"target": runtime},
        ]
    )
    assert [type(each.error) for each in results] == [
        AgentNotFound,
        type(None),
        InvalidInput,
        InvalidInput,
        InvalidInput,
        InvalidInput,
    ]
    answered = results[1].result
    assert answered is not None
    assert answered.processing is not None
    assert answered.processing.text == "You said: Hello!"


@pytest.mark.example("Agent Discovery")
@pytest.mark.spec("O9")
async def test_agent_discovery(eliza_os: ElizaOS) -> None:
    agent_id, id1, id2 = await eliza_os.add_agents(
        [{"character": {"name": name}} for name in ("Assistant", "Researcher", "Writer")]
    )

    # By ID
    agent = eliza_os.get_agent(agent_id)

    # By name
    assistant = eliza_os.get_agent_by_name("Assistant")

    # All agents
    all_agents = eliza_os.get_agents()

    # Multiple by IDs
    selected = eliza_os.get_agents_by_ids([id1, id2])

    # Multiple by names
    team = eliza_os.get_agents_by_names(["Researcher", "Writer"])

    assert agent is assistant is eliza_os.get_agent_by_name("ASSISTANT")
    assert [each.character.name for each in all_agents] == ["Assistant", "Researcher", "Writer"]
    assert selected == team == all_agents[1:]
    assert eliza_os.get_agent(uuid4()) is eliza_os.get_agent_by_name("Nobody") is None
    assert eliza_os.get_agents_by_ids([uuid4()]) == eliza_os.get_agents_by_names(["Nobody"]) == []


@pytest.mark.example("Events")
@pytest.mark.spec("O10")
async def test_events(eliza_os: ElizaOS, user_id: UUID, room_id: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    eliza_os.add_event_listener("agent:started", lambda e: print(f"Agent {e.detail.agent_id} started"))

    eliza_os.add_event_listener(
        "message:sent", lambda e: print(f"Message {e.detail.message_id} sent in {e.detail.mode} mode")
    )

    [agent_id] = await eliza_os.add_agents([{"character": {"name": "Assistant"}}])
    await eliza_os.start_agents()
    handled = await eliza_os.handle_message(
        agent_id, {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    )
    assert capsys.readouterr().out.splitlines() == [
        f"Agent {agent_id} started",
        f"Message {handled.message_id} sent in sync mode",
    ]


@pytest.mark.spec("O6", "O10")
async def test_every_event_of_the_list_is_told_in_order(eliza_os: ElizaOS, user_id: UUID, room_id: UUID) -> None:
    told: list[OrchestratorEvent] = []

    def failing(event: OrchestratorEvent) -> None:
        raise ZeroDivisionError(event.type)

    for name in OrchestratorEventType:
        eliza_os.add_event_listener(name, failing)
        eliza_os.add_event_listener(name.value, told.append)
    eliza_os.add_event_listener("agent:added", print)
    eliza_os.remove_event_listener("agent:added", print)

    [agent_id] = await eliza_os.add_agents([{"character": {"name": "Ada"}}], auto_start=True)
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    await eliza_os.handle_messages([{"agent_id": agent_id, "message": message}])
    await eliza_os.enable_editable_mode()
    await eliza_os.update_agent(agent_id, {"bio": "Other"})
    runtime = AgentRuntime(character={"name": "Bob"})
    await eliza_os.register_agent(runtime)
    await eliza_os.delete_agents([agent_id, runtime.agent_id, uuid4()])

    assert [event.type for event in told] == [
        "agent:added",
        "agents:added",
        "agent:started",
        "agents:started",
        "message:sent",
        "messages:sent",
        "mode:editable",
        "agent:updated",
        "agent:registered",
        "agent:stopped",
        "agent:stopped",
        "agents:stopped",
        "agent:deleted",
        "agent:deleted",
        "agents:deleted",
    ]
    assert {event.type for event in told} == {each.value for each in OrchestratorEventType}
    assert told[5].detail.message_ids == (told[4].detail.message_id,)
    assert told[7].detail.changed == ("bio",)
    assert told[-1].detail.agent_ids == (agent_id, runtime.agent_id)


@pytest.mark.example("Health Monitoring")
@pytest.mark.spec("O11", "O12")
async def test_health_monitoring(eliza_os: ElizaOS, runtime: AgentRuntime) -> None:
    # Check agent health
    health = await eliza_os.health_check()
    # dict[UUID, Health(alive, responsive, memory_usage_bytes, uptime_s)]

    # Validate API keys
    key_status = await eliza_os.validate_api_keys()
    # dict[UUID, bool]

    found = health[runtime.agent_id]
    assert (found.alive, found.responsive) == (True, True)
    assert found.memory_usage_bytes > 10_000_000
    assert found.uptime_s > 0
    assert key_status == {runtime.agent_id: True}


class Sick(Service):
    service_type = "SICK"

    @classmethod
    async def start(cls, runtime: AgentRuntime) -> Sick:
        return cls()

    async def stop(self) -> None:
        """Nothing is open."""

    async def is_healthy(self) -> bool:
        raise ConnectionError("no answer")


@pytest.mark.spec("O11")
async def test_a_sick_service_a_stopped_and_an_unknown_agent_are_not_responsive(eliza_os: ElizaOS) -> None:
    sick, stopped = await eliza_os.add_agents(
        [
            {"character": {"name": "Sick"}, "plugins": [Plugin(name="sick", services=(Sick,))]},
            {"character": {"name": "Stopped"}},
        ],
        auto_start=True,
    )
    await eliza_os.stop_agents([stopped])
    unknown = uuid4()
    health = await eliza_os.health_check([sick, stopped, unknown])
    assert [(each.alive, each.responsive) for each in health.values()] == [
        (True, False),
        (False, False),
        (False, False),
    ]
    assert list(health) == [sick, stopped, unknown]


@pytest.mark.spec("O12")
async def test_a_refused_key_is_false_and_a_provider_that_does_not_answer_raises(
    eliza_os: ElizaOS, model_server: ScriptedModelServer
) -> None:
    right, wrong = await eliza_os.add_agents(
        [
            {"character": {"name": "Right"}},
            {"character": {"name": "Wrong", "secrets": {"OPENAI_API_KEY": "sk-wrong-0000"}}},
        ]
    )
    assert await eliza_os.validate_api_keys() == {right: True, wrong: False}
    model_server.script(failure(503), path=MODELS)
    with pytest.raises(ModelError):
        await eliza_os.validate_api_keys([right])
    with pytest.raises(AgentNotFound):
        await eliza_os.validate_api_keys([uuid4()])


@pytest.mark.spec("O6")
async def test_an_agent_stops_starts_again_and_is_deleted(eliza_os: ElizaOS, user_id: UUID, room_id: UUID) -> None:
    [agent_id] = await eliza_os.add_agents([{"character": {"name": "Ada"}}], auto_start=True)
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    await eliza_os.stop_agents()
    await eliza_os.start_agents([agent_id])
    handled = await eliza_os.handle_message(agent_id, message)
    assert handled.processing is not None
    assert handled.processing.text == "You said: Hello!"
    with pytest.raises(AgentNotFound):
        await eliza_os.start_agents([uuid4()])
    await eliza_os.stop_agents([uuid4()])
    await eliza_os.delete_agents([agent_id])
    assert eliza_os.get_agents() == []
    with pytest.raises(AgentNotFound):
        await eliza_os.handle_message(agent_id, message)


@pytest.mark.spec("O6")
async def test_an_id_is_registered_once(eliza_os: ElizaOS, runtime: AgentRuntime) -> None:
    with pytest.raises(AgentAlreadyRegistered):
        await eliza_os.register_agent(AgentRuntime(character={"name": "Assistant"}))
    with pytest.raises(AgentAlreadyRegistered):
        await eliza_os.add_agents([{"character": {"name": "Twin"}}, {"character": {"name": "Twin"}}])
    assert eliza_os.get_agents() == [runtime]


@pytest.mark.spec("O6", "D8")
async def test_an_update_needs_editable_mode_is_checked_and_leaves_a_line_in_the_audit_trail(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer, user_id: UUID, room_id: UUID
) -> None:
    agent_id = runtime.agent_id
    with pytest.raises(AgentError, match="enable_editable_mode"):
        await eliza_os.update_agent(agent_id, {"system": "Be brief."})
    await eliza_os.enable_editable_mode()
    with pytest.raises(AgentNotFound):
        await eliza_os.update_agent(uuid4(), {"system": "Be brief."})
    refused: list[dict[str, Any]] = [{"sytsem": "x"}, {"id": "x"}, {"plugins": []}]
    for wrong in refused:
        with pytest.raises(InvalidInput):
            await eliza_os.update_agent(agent_id, wrong)
    with pytest.raises(MayflyError, match="topics"):
        await eliza_os.update_agent(agent_id, {"topics": 7})
    assert runtime.character.system == ""

    await eliza_os.update_agent(
        agent_id, {"system": "Be brief.", "messageExamples": [], "name": "Aide", "secrets": {"TOKEN": "s3cret-value"}}
    )
    assert (runtime.agent_id, runtime.character.name) == (agent_id, "Aide")
    assert runtime.get_setting("TOKEN") == "s3cret-value"
    await eliza_os.handle_message(
        agent_id, {"entity_id": user_id, "room_id": room_id, "content": {"text": "Who are you?"}}
    )
    assert "Be brief." in model_server.chats[-1]["messages"][0]["content"]
    [line] = await runtime.get_logs(type="character.changed")
    assert isinstance(line, Log)
    assert line.body["changed"] == ["name", "system", "secrets"]
    assert (line.body["before"]["system"], line.body["after"]["system"]) == ("", "Be brief.")
    assert "s3cret-value" not in str(line.body)
    agent = await runtime.get_agent(agent_id)
    assert agent is not None
    assert (agent.name, agent.character["system"]) == ("Aide", "Be brief.")
    assert "s3cret-value" not in str(agent.character)


@pytest.mark.spec("R10", "D8")
async def test_a_changed_setting_leaves_a_line_without_its_secret(runtime: AgentRuntime) -> None:
    runtime.set_setting("THEME", "dark")
    runtime.set_setting("TOKEN", "s3cret-value", secret=True)
    assert (runtime.get_setting("THEME"), runtime.get_setting("TOKEN")) == ("dark", "s3cret-value")
    eliza_os = runtime.eliza_os
    await eliza_os.stop_agents()
    await eliza_os.start_agents()
    lines = await runtime.get_logs(type="setting.changed")
    assert sorted((line.body["name"], line.body.get("value")) for line in lines) == [("THEME", "dark"), ("TOKEN", None)]
    assert all(line.entity_id == runtime.agent_id and line.created_at is not None for line in lines)


@pytest.mark.spec("O2")
async def test_a_failing_agent_fails_the_call_and_leaves_nothing_behind(eliza_os: ElizaOS) -> None:
    async def failing(_: AgentRuntime) -> None:
        raise ZeroDivisionError("not today")

    first = {"character": {"name": "Ada"}, "plugins": ["openai"], "settings": {"A": 1}}
    before = repr(first)
    with pytest.raises(AgentError, match="agent 'Bob': init failed: ZeroDivisionError: not today"):
        await eliza_os.add_agents([first, {"character": {"name": "Bob"}, "init": failing}])
    assert eliza_os.get_agents() == []
    assert repr(first) == before, "the caller's objects stay as they are"
    assert await eliza_os.add_agents([first]) == [string_to_uuid("Ada")]


@pytest.mark.spec("O4")
async def test_skipping_migrations_on_an_empty_database_names_the_command(
    eliza_os: ElizaOS, request: pytest.FixtureRequest, database_url: str, user_id: UUID
) -> None:
    postgres = database_url.startswith("postgres")
    url = request.getfixturevalue("unmigrated_postgres_url") if postgres else f"{database_url}.empty"
    config = {"character": {"name": "Ada"}, "settings": {"DATABASE_URL": url}}
    [runtime] = await eliza_os.add_agents([config], skip_migrations=True, return_runtimes=True)
    with pytest.raises(MayflyError, match="mayfly migrate"):
        await runtime.get_entity(user_id)


@pytest.mark.timeout(300)
@pytest.mark.spec("O3")
async def test_of_ten_thousand_ephemeral_runtimes_a_thousand_that_answered_included_nothing_stays(
    eliza_os: ElizaOS, cached_adapter: DatabaseAdapter, model_server: ScriptedModelServer, user_id: UUID
) -> None:
    """Every one starts and stops, every tenth answers a message in between; on Postgres 1,000, each of them.

    The first fifth fills what is kept on purpose (caches, pools). What the others leave is counted in whole: Python's
    blocks of memory, the objects that the collector knows, and the memory of the process.
    """
    agent = {"character": {"name": "Ada"}, "database_adapter": cached_adapter}
    tenth, each_answering = (100, 1) if _is_postgres(cached_adapter) else (1_000, 10)

    async def use(count: int) -> None:
        used = []
        for number in range(count):
            [runtime] = await eliza_os.add_agents(
                [agent], ephemeral=True, skip_migrations=True, auto_start=True, return_runtimes=True
            )
            if number % each_answering == 0:
                message = {"entity_id": user_id, "room_id": uuid4(), "content": {"text": f"Hello {number}!"}}
                handled = await eliza_os.handle_message(runtime, message)
                assert handled.processing is not None
                assert handled.processing.text == f"You said: Hello {number}!"
            await runtime.stop()
            used.append(weakref.ref(runtime))
        del runtime
        gc.collect()
        assert [each for each in used if each() is not None] == []

    _fill_string_cache()
    for _ in range(2):
        await use(tenth)
    before = _kept(model_server)
    for _ in range(8):
        await use(tenth)
    grown = _kept(model_server)
    grown.subtract(before)
    assert grown["objects"] < 50, grown
    assert grown["blocks"] < 500, f"one for each that answered would be {8 * tenth // each_answering}: {grown}"
    assert grown["bytes"] < 2 * 1024 * 1024, grown


def _fill_string_cache() -> None:
    """pydantic's JSON reader keeps 16,384 short strings; from now on each takes the place of another.

    https://docs.rs/jiter/latest/jiter/enum.StringCacheMode.html
    """
    from_json(json.dumps([str(uuid4()) for _ in range(200_000)]))


def _is_postgres(adapter: DatabaseAdapter) -> bool:
    """Which database is lent makes no difference here: the full count on one of them is enough."""
    return "postgres" in type(adapter).__module__


def _kept(model_server: ScriptedModelServer) -> Counter[str]:
    """What is there after a collection; the memory of the process where the system tells of it (Linux).

    Only what belongs to no file counts: pages of a database's file are given back when something else needs them.
    """
    model_server.requests.clear()
    gc.collect()
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    size_kib = sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return Counter(objects=len(gc.get_objects()), blocks=sys.getallocatedblocks(), bytes=size_kib * 1024)


@pytest.mark.spec("O2", "O7")
async def test_test_mode_and_the_number_of_steps_are_options(
    eliza_os: ElizaOS, model_server: ScriptedModelServer, user_id: UUID
) -> None:
    [runtime] = await eliza_os.add_agents(
        [{"character": {"name": "Ada"}}], auto_start=True, return_runtimes=True, is_test_mode=True
    )
    assert runtime.get_setting("IS_TEST_MODE") is True
    calls = Reply(text=None, tool_calls=[("NONE", {})])
    for options, steps in (({"use_multi_step": False}, 1), ({"max_multi_step_iterations": 3}, 3)):
        model_server.script(*[calls] * steps, Reply(text="My last word."))
        message = {"entity_id": user_id, "room_id": uuid4(), "content": {"text": "Go on!"}}
        handled = await eliza_os.handle_message(runtime, message, **options)
        assert handled.processing is not None
        assert handled.processing.text == "My last word."
        assert "tools" not in model_server.chats[-1]
