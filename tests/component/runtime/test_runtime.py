"""Lifetime, components, settings and runs of a runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.character import Character
from runtime_core.domain.events import EventType
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.state import State
from runtime_core.errors import (
    AgentAlreadyRegistered,
    DuplicateComponent,
    InvalidInput,
    PluginError,
    ServiceError,
    ServiceNotFound,
    StateError,
)
from runtime_core.orchestrator.eliza_os import ElizaOS
from runtime_core.plugin_api import Action, Context, Evaluator, Plugin, Provider, Service, ServiceType
from runtime_core.runtime.runtime import AgentRuntime
from tests.component.conftest import ECHO


async def nothing() -> None:
    """Do nothing, as an action's handler."""


def made(adapter: SqliteAdapter, *plugins: Plugin, **fields: Any) -> AgentRuntime:
    given: dict[str, Any] = {"character": Character(name="Ada"), "plugins": [ECHO, *plugins], "adapter": adapter}
    return AgentRuntime(**{**given, **fields})


async def test_an_agents_id_is_given_or_its_characters_or_its_names() -> None:
    own = uuid4()
    assert AgentRuntime(character=Character(name="Ada"), agent_id=own).agent_id == own
    assert AgentRuntime(character=Character(name="Ada", id=own)).agent_id == own
    assert AgentRuntime(character=Character(name="Ada")).agent_id == string_to_uuid("Ada")


async def test_a_second_initialize_does_nothing(adapter: SqliteAdapter) -> None:
    calls: list[int] = []

    async def init() -> None:
        calls.append(1)

    runtime = made(adapter, Plugin(name="counted", init=init))
    await runtime.initialize()
    await runtime.initialize()
    assert calls == [1]


async def test_a_lent_adapter_is_never_closed(adapter: SqliteAdapter) -> None:
    async with made(adapter) as runtime:
        await runtime.set_cache("key", 1)
    assert await adapter.cache.get_value(runtime.agent_id, "key") == 1


async def test_before_initialize_the_missing_database_is_named() -> None:
    with pytest.raises(StateError, match=r"await runtime.initialize\(\) \(or start_agents\) first"):
        await AgentRuntime(character=Character(name="Ada")).get_cache("key")


async def test_without_an_adapter_sqlite_needs_no_configuration(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    async with AgentRuntime(character=Character(name="Ada"), plugins=[ECHO]) as runtime:
        await runtime.set_cache("key", 1)
    assert (tmp_path / ".data" / "mayfly.db").exists()


async def test_a_failing_init_names_the_plugin_and_closes_what_was_opened(adapter: SqliteAdapter) -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def client() -> AsyncIterator[str]:
        yield "client"
        closed.append("client")

    async def opens(_: Any, runtime: Context) -> None:
        await runtime.enter(client())

    async def breaks() -> None:
        raise OSError("no route")

    runtime = made(adapter, Plugin(name="opens", init=opens), Plugin(name="breaks", init=breaks, priority=1))
    with pytest.raises(PluginError, match="plugin 'breaks': init failed: OSError: no route"):
        await runtime.initialize()
    assert closed == ["client"]


def action(name: str) -> Action:
    return Action(name=name, description="", handler=nothing)


@pytest.mark.parametrize(
    ("kind", "component"),
    [
        ("action", action("A")),
        ("provider", Provider(name="A", get=nothing)),
        ("evaluator", Evaluator(name="A", handler=nothing)),
    ],
)
async def test_a_second_component_of_one_name_is_refused(runtime: AgentRuntime, kind: str, component: Any) -> None:
    register: Any = {
        "action": runtime.register_action,
        "provider": runtime.register_provider,
        "evaluator": runtime.register_evaluator,
    }[kind]
    register(component)
    with pytest.raises(DuplicateComponent, match=f"{kind} 'A' is registered twice: rename one of the two {kind}s"):
        register(component)


def bringing(name: str, field: str, *components: Any) -> Plugin:
    given: dict[str, Any] = {"name": name, field: components}
    return Plugin(**given)


@pytest.mark.parametrize("field", ["actions", "providers", "evaluators", "services"])
async def test_a_name_that_plugins_bring_twice_is_told_with_the_plugins(runtime: AgentRuntime, field: str) -> None:
    component = {
        "actions": action("A"),
        "providers": Provider(name="A", get=nothing),
        "evaluators": Evaluator(name="A", handler=nothing),
        "services": service("A", []),
    }[field]
    register: Any = getattr(runtime, f"register_{field.removesuffix('s')}")
    await runtime.register_plugin(bringing("p", field, component))
    with pytest.raises(DuplicateComponent, match=r" 'A.*' is registered twice, once by plugin 'p': rename one of"):
        register(component)
    with pytest.raises(DuplicateComponent, match="twice, by plugin 'p' and by plugin 'q': remove one of the two pl"):
        await runtime.register_plugin(bringing("q", field, component))
    other = AgentRuntime(character={"name": "Ada"})
    with pytest.raises(DuplicateComponent, match=r" 'A.*' is registered twice by plugin 'p': list it once"):
        await other.register_plugin(bringing("p", field, component, component))


async def test_a_second_plugin_send_handler_or_task_worker_is_refused(runtime: AgentRuntime) -> None:
    await runtime.register_plugin(Plugin(name="p"))
    with pytest.raises(DuplicateComponent, match="plugin 'p'"):
        await runtime.register_plugin(Plugin(name="p"))
    runtime.register_send_handler("discord", nothing)
    with pytest.raises(DuplicateComponent, match="send handler 'discord'"):
        runtime.register_send_handler("discord", nothing)
    runtime.register_task_worker("DIGEST", nothing)
    with pytest.raises(DuplicateComponent, match="task worker 'DIGEST'"):
        runtime.register_task_worker("DIGEST", nothing)


def service(kind: str, log: list[str], *, fails: bool = False) -> type[Service]:
    class Made(Service):
        service_type = kind
        name = f"{kind}-service"

        @classmethod
        async def start(cls, runtime: Context) -> Service:
            if fails:
                raise OSError("no device")
            log.append(f"start {kind}")
            return cls()

        async def stop(self) -> None:
            log.append(f"stop {kind}")
            if kind == "B":
                raise OSError("stuck")

    return Made


async def test_services_stop_in_reverse_all_of_them_even_when_one_fails(adapter: SqliteAdapter) -> None:
    log: list[str] = []
    plugin = Plugin(name="p", services=tuple(service(kind, log) for kind in "ABC"))
    async with made(adapter, plugin) as runtime:
        assert runtime.get_service("A") is runtime.get_service("A-service") is not None
        assert runtime.has_service("C")
        assert runtime.get_service("X") is None
    assert log == ["start A", "start B", "start C", "stop C", "stop B", "stop A"]


async def test_a_service_that_does_not_start_is_named_and_its_promise_raises_its_own_error(
    adapter: SqliteAdapter,
) -> None:
    log: list[str] = []
    runtime = made(adapter, Plugin(name="p", services=(service("A", log), service("SPEECH", log, fails=True))))
    promises: list[asyncio.Future[Any]] = []

    async def init() -> None:
        promises.append(runtime.get_service_load_promise(ServiceType.SPEECH))

    runtime._wanted = (*runtime._wanted, Plugin(name="waits", init=init, priority=5))
    with pytest.raises(ServiceError, match="service SPEECH/SPEECH-service failed to start: OSError: no device"):
        await runtime.initialize()
    with pytest.raises(OSError, match="no device"):
        await promises[0]
    assert log == ["start A", "stop A"]


async def test_the_promise_of_a_service_nobody_registers_lists_what_there_is(runtime: AgentRuntime) -> None:
    with pytest.raises(ServiceNotFound, match="no service 'VIDEO' is registered"):
        runtime.get_service_load_promise(ServiceType.VIDEO)


async def test_settings_are_found_in_order_and_false_values_are_values(
    adapter: SqliteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_ENV", "env")
    monkeypatch.setenv("HIDDEN", "env")
    monkeypatch.setenv("DECLARED", "env")
    monkeypatch.setenv("ALLOWED_ENV", "FROM_ENV, OTHER")
    character = Character(
        name="Ada",
        secrets={"KEY": "secret", "SHARED": "from secrets"},
        settings={"SHARED": "from settings", "ZERO": 0, "NO": False, "BLANK": "", "FLAG": "true"},
    )
    runtime = made(adapter, Plugin(name="p", settings=("DECLARED",)), character=character, settings={"GIVEN": "ctor"})
    await runtime.initialize()
    found = {name: runtime.get_setting(name) for name in ("GIVEN", "KEY", "SHARED", "FROM_ENV", "HIDDEN", "DECLARED")}
    assert found == {
        "GIVEN": "ctor",
        "KEY": "secret",
        "SHARED": "from secrets",
        "FROM_ENV": "env",
        "HIDDEN": None,
        "DECLARED": "env",
    }
    assert [runtime.get_setting(name, "default") for name in ("ZERO", "NO", "BLANK", "FLAG", "MISSING")] == [
        0,
        False,
        "",
        True,
        "default",
    ]
    assert (runtime.has_setting("ZERO"), runtime.has_setting("MISSING")) == (True, False)


async def test_secrets_never_reach_a_log_line(adapter: SqliteAdapter, caplog: pytest.LogCaptureFixture) -> None:
    runtime = made(adapter, character=Character(name="Ada", secrets={"TOKEN": "hunter22"}))
    runtime.set_setting("OTHER", "swordfish", secret=True)
    with caplog.at_level(logging.INFO, logger="mayfly"):
        runtime.logger.info("with %s", "hunter22", extra={"note": "swordfish!"})
        runtime.logger.error("Action failed:", ValueError("hunter22"))
    assert [record.getMessage() for record in caplog.records] == ["with [redacted]", "Action failed: [redacted]"]
    first = caplog.records[0]
    assert (vars(first)["note"], vars(first)["agent_id"]) == ("[redacted]!", str(runtime.agent_id))
    assert "hunter22" not in repr(runtime)


@pytest.mark.parametrize(
    ("given", "settings", "expected"),
    [(5, {"conversation_length": 9}, 5), (None, {"conversation_length": 9}, 9), (None, {}, 32)],
)
async def test_the_conversation_length_is_the_constructors_the_characters_or_32(
    given: int | None, settings: dict[str, Any], expected: int
) -> None:
    runtime = AgentRuntime(character=Character(name="Ada", settings=settings), conversation_length=given)
    assert runtime.get_conversation_length() == expected


async def test_a_failing_listener_is_logged_and_stops_nobody(
    runtime: AgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    def fails(_: Any) -> None:
        raise ValueError("deaf")

    async def hears(data: Any) -> None:
        heard.append(data)

    runtime.on(EventType.WORLD_JOINED, fails)
    runtime.on("WORLD_JOINED", hears)
    await runtime.emit(EventType.WORLD_JOINED, 1)
    runtime.off("WORLD_JOINED", hears)
    runtime.off("WORLD_JOINED", hears)
    await runtime.emit("WORLD_JOINED", 2)
    assert heard == [1]
    assert "event listener failed" in caplog.text


async def test_runs_of_two_tasks_are_never_the_same(runtime: AgentRuntime) -> None:
    async def one() -> tuple[UUID, UUID]:
        run_id = runtime.start_run(uuid4())
        await asyncio.sleep(0)
        return run_id, runtime.get_current_run_id()

    (first, first_again), (second, second_again) = await asyncio.gather(one(), one())
    assert first == first_again != second == second_again


async def test_results_inside_a_run_are_seen_after_the_message_was_handled(
    runtime: AgentRuntime, message: Memory
) -> None:
    async def search() -> ActionResult:
        return ActionResult(text="found", data={"hits": 3})

    runtime.register_action(Action(name="SEARCH_WEB", description="", handler=search))
    run_id = runtime.start_run(message.room_id)
    try:
        await runtime.execute_planned_tool_call({"message": message}, {"name": "SEARCH_WEB"})
        result = await runtime.message_service.handle_message(runtime, message)
        results = runtime.get_action_results(message.id)
    finally:
        runtime.end_run()
    assert result.run_id == run_id
    assert [(each.action, each.data) for each in results] == [("SEARCH_WEB", {"hits": 3})]
    assert runtime.get_action_results(message.id) == []


async def test_evaluators_run_after_an_answer_and_a_failing_one_stops_nobody(
    runtime: AgentRuntime, message: Memory
) -> None:
    ran: list[str] = []

    def evaluator(name: str, **fields: Any) -> Evaluator:
        async def handler() -> None:
            ran.append(name)
            if name == "FAILS":
                raise ValueError("no opinion")

        return Evaluator(name=name, handler=handler, **fields)

    async def never() -> bool:
        return False

    for each in (evaluator("FAILS"), evaluator("AFTER"), evaluator("NEVER", validate=never)):
        runtime.register_evaluator(each)
    runtime.register_evaluator(evaluator("ALWAYS", always_run=True))
    await runtime.evaluate(message, did_respond=True)
    assert ran == ["FAILS", "AFTER", "ALWAYS"]
    ran.clear()
    await runtime.evaluate(message, did_respond=False)
    assert ran == ["ALWAYS"]


async def test_a_service_that_gives_up_waiting_for_another_does_not_end_its_start(adapter: SqliteAdapter) -> None:
    gate, log = asyncio.Event(), list[str]()

    class Slow(Service):
        service_type = "SLOW"

        @classmethod
        async def start(cls, runtime: Context) -> Service:
            await gate.wait()
            return cls()

        async def stop(self) -> None:
            log.append("stop SLOW")

    class Impatient(Slow):
        service_type = "IMPATIENT"

        @classmethod
        async def start(cls, runtime: Context) -> Service:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(runtime.get_service_load_promise("SLOW"), 0.001)
            gate.set()
            return cls()

    async with made(adapter, Plugin(name="p", services=(Impatient, Slow))) as runtime:
        assert isinstance(runtime.get_service("SLOW"), Slow)
        assert isinstance(await runtime.get_service_load_promise("SLOW"), Slow)
    assert log == ["stop SLOW", "stop SLOW"]


async def test_a_second_initialize_waits_for_the_first(adapter: SqliteAdapter) -> None:
    gate = asyncio.Event()

    async def init() -> None:
        await gate.wait()

    runtime = made(adapter, Plugin(name="slow", init=init))
    both = [asyncio.create_task(runtime.initialize()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [each.done() for each in both] == [False, False]
    gate.set()
    await asyncio.gather(*both)
    assert runtime.uptime_s is not None
    await runtime.stop()


async def test_one_id_added_twice_at_once_is_added_once(adapter: SqliteAdapter) -> None:
    eliza_os = ElizaOS()
    agent = {"character": {"name": "Ada"}, "plugins": [ECHO], "database_adapter": adapter}
    outcomes = await asyncio.gather(*(eliza_os.add_agents([agent]) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [list, AgentAlreadyRegistered]
    assert len(eliza_os.get_agents()) == 1
    await eliza_os.stop_agents()


async def test_values_with_a_secrets_name_are_masked_too(adapter: SqliteAdapter) -> None:
    runtime = made(adapter, settings={"DISCORD_API_TOKEN": "tok-12345", "COLOUR": "green"})
    assert runtime.redacted("tok-12345 is green") == "[redacted] is green"


async def test_a_state_in_place_of_names_is_refused(runtime: AgentRuntime, message: Memory) -> None:
    with pytest.raises(InvalidInput, match="include: expected names of providers, got a State"):
        await runtime.compose_state(message, State())  # type: ignore[arg-type] # as the documents' interface has it


async def test_one_provider_answers_a_model_type_once(runtime: AgentRuntime) -> None:
    runtime.register_model("NEW", nothing, provider="p")
    with pytest.raises(DuplicateComponent, match="model NEW of provider 'p' is registered twice"):
        runtime.register_model("NEW", nothing, provider="p")


async def test_a_plugin_registered_before_the_start_is_initialized_once(adapter: SqliteAdapter) -> None:
    started = []

    async def init() -> None:
        started.append("early")

    runtime = AgentRuntime(character=Character(name="Ada"), plugins=[ECHO], adapter=adapter)
    await runtime.register_plugin(Plugin(name="early", init=init))
    async with runtime:
        assert [each.name for each in runtime.plugins][:1] == ["early"]
    assert started == ["early"]
