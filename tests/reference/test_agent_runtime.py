"""AgentRuntime as documented: interface, responsibilities and lifecycle."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from runtime_core import (
    Action,
    ActionError,
    ActionOptions,
    ActionResult,
    AgentRuntime,
    Character,
    DuplicateComponent,
    ElizaOS,
    Evaluator,
    EventType,
    Memory,
    MemoryType,
    Plugin,
    PluginCycle,
    PluginError,
    PluginNotFound,
    Provider,
    ProviderResult,
    Service,
    ServiceType,
    State,
    StateError,
    execute_planned_tool_call,
)
from runtime_core.agent.plugin_loading import resolve_plugins
from runtime_core.plugin_api import Context
from tests.model_server import ScriptedModelServer
from tests.reference.documents import load_digest


async def search(_: Context, message: Memory, state: State, options: ActionOptions) -> ActionResult:
    return ActionResult(text=f"Found {options.parameters['query']}", data={"hits": 3})


SEARCH = Action(
    name="SEARCH",
    description="Searches the web",
    handler=search,
    similes=("SEARCH_WEB",),
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


async def forecast(_: Context, message: Memory) -> ProviderResult:
    return ProviderResult(text="It rains.", values={"weather": "rain"}, data={"mm": 3})


FORECAST = Provider(name="FORECAST", get=forecast)
WAITED_FOR = {
    "process_actions": "message responses state callback",
    "compose_state": "message include only_include skip_cache",
    "evaluate": "message state did_respond callback responses",
    "register_plugin": "plugin",
    "stop": "",
    "use_model": "model_type params provider max_retries",
    "emit": "event_type data",
    "create_memory": "memory table",
    "search_memories": "query limit table room_id entity_id world_id match_threshold start end",
    "get_memory_by_id": "memory_id",
    "create_entity": "entity",
    "update_entity": "entity",
    "get_entity": "entity_id",
    "create_relationship": "relationship",
    "get_relationships": "entity_id tags",
    "create_fact": "fact",
    "search_facts": "query limit which",
    "queue_embedding_generation": "memory priority",
    "add_embedding_to_memory": "memory",
    "ensure_connections": "entities rooms source world",
    "ensure_connection": "connection",
    "update_world": "world",
    "send_message_to_target": "target content",
}
AT_ONCE = {
    "register_action": "action",
    "register_provider": "provider",
    "register_evaluator": "evaluator",
    "register_service": "service",
    "get_service": "name",
    "register_model": "model_type handler provider priority",
    "get_model": "model_type provider",
    "on": "event_type handler",
    "get_setting": "key default",
    "has_setting": "key",
    "create_run_id": "",
    "start_run": "room_id",
    "end_run": "",
    "get_current_run_id": "",
    "get_action_results": "message_id",
    "get_conversation_length": "",
    "get_all_services": "",
    "get_registered_service_types": "",
    "get_services_by_type": "service_type",
    "get_service_load_promise": "service_type",
    "has_service": "service_type",
    "has_eliza_os": "",
    "register_send_handler": "source handler",
}


@pytest.mark.example("Core Interface")
@pytest.mark.spec("R4")
@pytest.mark.parametrize(("name", "parameters"), [*WAITED_FOR.items(), *AT_ONCE.items()])
def test_core_interface(name: str, parameters: str) -> None:
    method = getattr(AgentRuntime, name)
    assert " ".join(each for each in inspect.signature(method).parameters if each != "self") == parameters
    assert inspect.iscoroutinefunction(method) is (name in WAITED_FOR), "a promise there is awaited here"


def test_the_interface_is_the_one_of_the_documents() -> None:
    assert {*WAITED_FOR, *AT_ONCE, "initialize"} == load_digest().methods | {"register_plugin"}


@pytest.mark.example("Core Interface")
@pytest.mark.spec("R1", "R4", "R7", "R8")
async def test_core_interface_in_use(runtime: AgentRuntime, message: Memory) -> None:
    # Core properties
    assert isinstance(runtime.agent_id, UUID)
    assert isinstance(runtime.character, Character)

    # Component registration
    class Clock(Service):
        service_type = "CLOCK"

        @classmethod
        async def start(cls, runtime: Context) -> Clock:
            return cls()

        async def stop(self) -> None:
            """Do nothing: no resource is open."""

    judged: list[Memory] = []

    async def judge(_: Context, message: Memory) -> None:
        judged.append(message)

    runtime.register_action(SEARCH)
    runtime.register_provider(FORECAST)
    runtime.register_evaluator(Evaluator(name="JUDGE", handler=judge))
    runtime.register_service(Clock)
    await runtime.start_services()
    assert SEARCH in runtime.actions
    assert FORECAST in runtime.providers
    assert [each.name for each in runtime.evaluators][-1] == "JUDGE"
    assert isinstance(runtime.get_service("CLOCK"), Clock)
    assert any(isinstance(each, Clock) for each in runtime.services)

    state = await runtime.compose_state(message)
    await runtime.evaluate(message, state)
    assert judged == [message]

    # Model management
    async def shout(_: Context, params: dict[str, Any]) -> str:
        return str(params["prompt"]).upper()

    runtime.register_model("SHOUT", shout, "loud", 5)
    assert await runtime.use_model("SHOUT", {"prompt": "hello"}) == "HELLO"
    assert await runtime.use_model("SHOUT", {"prompt": "hello"}, "loud") == "HELLO"
    assert runtime.get_model("SHOUT", "loud") is shout
    assert runtime.get_model("WHISPER") is None

    # Event system
    told: list[Any] = []
    runtime.on(EventType.REACTION_RECEIVED, told.append)
    await runtime.emit(EventType.REACTION_RECEIVED, {"emoji": "🙂"})
    runtime.off(EventType.REACTION_RECEIVED, told.append)
    await runtime.emit(EventType.REACTION_RECEIVED, {"emoji": "🙁"})
    assert told == [{"emoji": "🙂"}]


@pytest.mark.example("Action Processing")
@pytest.mark.spec("R6", "P4")
async def test_action_processing(runtime: AgentRuntime, message: Memory) -> None:
    async def greet(_: Context, message: Memory) -> str:
        return f"Hi, {message.content.text}"

    runtime.register_action(Action(name="GREET", description="Greets", handler=greet))
    state = await runtime.compose_state(message)
    responses = [{"room_id": message.room_id, "content": {"text": "", "actions": ["GREET", "FLY"]}}]

    await runtime.process_actions(message, responses, state)

    greeted, flew = runtime.get_action_results(message.id)
    assert (greeted.action, greeted.success, greeted.text) == ("GREET", True, "Hi, Hello!")
    assert (flew.success, "no action 'FLY'" in str(flew.error)) == (False, True)


@pytest.mark.example("Planned Tool Execution")
@pytest.mark.spec("P4", "R6")
async def test_planned_tool_execution(runtime: AgentRuntime, message: Memory) -> None:
    runtime.register_action(SEARCH)
    state = await runtime.compose_state(message)
    active_contexts, user_roles = ["web"], ["USER"]

    result = await execute_planned_tool_call(
        runtime,
        {"message": message, "state": state, "active_contexts": active_contexts, "user_roles": user_roles},
        {"name": "SEARCH", "params": {"query": "..."}},
    )

    assert (result.success, result.text, result.action) == (True, "Found ...", "SEARCH")
    wrong = await execute_planned_tool_call(runtime, {"message": message}, {"name": "SEARCH_WEB", "params": {}})
    assert (wrong.success, wrong.action, "query" in str(wrong.error)) == (False, "SEARCH", True)


@pytest.mark.example("State Composition")
@pytest.mark.spec("R5")
async def test_state_composition(runtime: AgentRuntime, message: Memory) -> None:
    runtime.register_provider(FORECAST)

    state = await runtime.compose_state(message)

    assert state.values["weather"] == "rain"
    assert "It rains." in state.text
    assert state.provided("FORECAST").data == {"mm": 3}
    alone = await runtime.compose_state(message, ["FORECAST"], only_include=True)
    assert alone.text == "It rains."


@pytest.mark.example("Plugin Management")
@pytest.mark.spec("C3", "R4")
async def test_plugin_management(runtime: AgentRuntime) -> None:
    initialized: list[tuple[Any, Context]] = []

    class Radio(Service):
        service_type = "RADIO"

        @classmethod
        async def start(cls, runtime: Context) -> Radio:
            return cls()

        async def stop(self) -> None:
            """Do nothing: no resource is open."""

    async def init(config: Any, runtime: Context) -> None:
        initialized.append((config, runtime))

    async def judge(_: Context) -> None:
        return None

    plugin = Plugin(
        name="weather",
        config={"unit": "C"},
        init=init,
        actions=(SEARCH,),
        providers=(FORECAST,),
        evaluators=(Evaluator(name="JUDGE", handler=judge),),
        services=(Radio,),
    )
    await runtime.register_plugin(plugin)
    await runtime.start_services()

    assert runtime.find_action("SEARCH_WEB") is SEARCH
    assert FORECAST in runtime.providers
    assert runtime.evaluators[-1].name == "JUDGE"
    assert runtime.has_service("RADIO")
    assert initialized == [({"unit": "C"}, runtime)]


@pytest.mark.example("Plugin Loading Order")
@pytest.mark.spec("C5")
def test_plugin_loading_order() -> None:
    # Plugin priority determines load order
    platforms = Plugin(name="platforms", priority=100)
    features = Plugin(name="features", priority=50)
    core_plugins = Plugin(name="core", priority=0)
    model_providers = Plugin(name="models", priority=-50)
    databases = Plugin(name="databases", priority=-100)

    plugin_load_order = resolve_plugins([platforms, features, core_plugins, model_providers, databases])

    assert plugin_load_order == [databases, model_providers, core_plugins, features, platforms]
    needs = Plugin(name="needs", priority=-200, dependencies=("platforms",))
    assert resolve_plugins([needs, platforms, platforms]) == [platforms, needs]


@pytest.mark.example("Initialization Sequence")
@pytest.mark.spec("R1", "R9")
async def test_initialization_sequence() -> None:
    told: list[str] = []

    class Second(Service):
        service_type = "SECOND"

        @classmethod
        async def start(cls, runtime: Context) -> Second:
            told.append(f"service started after {len(runtime.plugins)} plugins")
            return cls()

        async def stop(self) -> None:
            told.append("service stopped")

    async def init(_: Any, runtime: Context) -> None:
        told.append(f"plugin of {runtime.character.name} loaded")

    first = Plugin(name="first", init=init, services=(Second,))
    last = Plugin(name="last", init=init, priority=100)
    runtime = AgentRuntime(character={"name": "Ada"}, plugins=[last, first])
    await runtime.initialize()
    await runtime.initialize()
    await runtime.stop()
    loaded = ["plugin of Ada loaded"] * 2
    assert told == [*loaded, "service started after 4 plugins", "service stopped"]


@pytest.mark.example("Error Handling")
@pytest.mark.spec("P10", "R21")
async def test_error_handling(runtime: AgentRuntime, message: Memory, caplog: pytest.LogCaptureFixture) -> None:
    async def crash(*_: Any) -> None:
        raise ActionError("no wings", action="FLY")

    async def handled(provider: str | None, failing: Any = None) -> None:
        try:
            state = await runtime.compose_state(message, [provider] if provider else None)
            await runtime.process_actions(message, [], state)
            if failing is not None:
                await failing()
        except ActionError as error:
            # Handle action-specific errors
            runtime.logger.error("Action failed:", error)
        except StateError as error:
            # Handle state composition errors
            runtime.logger.error("State error:", error)
        except Exception as error:  # noqa: BLE001 - as in the document
            # Handle unexpected errors
            runtime.logger.error("Unexpected error:", error)
            # Optionally trigger recovery

    async def divide() -> None:
        raise ZeroDivisionError("by zero")

    await handled(None)
    assert caplog.messages == []
    await handled(None, crash)
    await handled("NOPE")
    await handled(None, divide)
    assert [each.partition(";")[0] for each in caplog.messages] == [
        "Action failed: no wings",
        "State error: no provider NOPE",
        "Unexpected error: by zero",
    ]


@pytest.mark.example("Error Handling (planned tool call)")
@pytest.mark.spec("P4", "P10")
async def test_error_handling_of_a_planned_tool_call(
    runtime: AgentRuntime, message: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    async def fly(*_: Any) -> None:
        raise ActionError("no wings", action="FLY")

    runtime.register_action(Action(name="FLY", description="Flies", handler=fly))
    results: list[ActionResult] = []

    async def handled(provider: str | None, tool_call: Any) -> None:
        try:
            state = await runtime.compose_state(message, [provider] if provider else None)
            results.append(await execute_planned_tool_call(runtime, {"message": message, "state": state}, tool_call))
        except ActionError as error:
            # Handle action-specific errors
            runtime.logger.error("Action failed:", error)
        except StateError as error:
            # Handle state composition errors
            runtime.logger.error("State error:", error)
        except Exception as error:  # noqa: BLE001 - as in the document
            # Handle unexpected errors
            runtime.logger.error("Unexpected error:", error)
            # Optionally trigger recovery

    await handled(None, {"name": "FLY", "params": {}})
    await handled(None, {"name": "SWIM"})
    await handled(None, {"name": "FLY", "params": "no json"})
    await handled(None, None)
    assert [each.success for each in results] == [False] * 4
    assert "no wings" in str(results[0].error)
    assert "there is no action 'SWIM'" in str(results[1].error)
    assert [each for each in caplog.messages if "rror:" in each or "failed:" in each] == [], "it never raises"
    await handled("NOPE", {"name": "FLY"})
    assert any(each.startswith("State error: no provider NOPE") for each in caplog.messages)


@pytest.mark.example("State Caching")
@pytest.mark.spec("R5")
async def test_state_caching(runtime: AgentRuntime, message: Memory) -> None:
    asked: list[UUID] = []

    async def count(_: Context, message: Memory) -> str:
        asked.append(message.id)
        return "counted"

    runtime.register_provider(Provider(name="COUNT", get=count))

    # State is cached by message ID
    state = await runtime.compose_state(message)
    # Subsequent calls use cache
    cached_state = await runtime.compose_state(message)

    assert cached_state is state
    assert asked == [message.id]
    assert await runtime.compose_state(message, skip_cache=True) is not state
    assert len(asked) == 2


@pytest.mark.example("Service Pooling")
@pytest.mark.spec("R9")
async def test_service_pooling(runtime: AgentRuntime) -> None:
    # Services are created once and reused
    service = runtime.get_service(ServiceType.DATABASE)
    # Same instance returned
    same_service = runtime.get_service(ServiceType.DATABASE)

    assert service is same_service is not None
    assert service.adapter is runtime.database


def _note(told: list[str], name: str, _: object) -> None:
    told.append(name)


@pytest.mark.example("Processing Steps")
@pytest.mark.spec("P1", "P6", "R8", "R14")
async def test_processing_steps(
    eliza_os: ElizaOS, runtime: AgentRuntime, message: Memory, model_server: ScriptedModelServer
) -> None:
    told: list[str] = []
    for event in EventType:
        runtime.on(event, partial(_note, told, event.value))

    await eliza_os.handle_message(runtime, message)

    steps = [each for each in dict.fromkeys(told) if not each.startswith("EMBEDDING")]  # runs concurrently
    assert steps == ["RUN_STARTED", "MESSAGE_RECEIVED", "MODEL_USED", "MESSAGE_SENT", "RUN_ENDED"]
    stored = await runtime.get_memories(room_id=message.room_id)
    assert [each.content.text for each in stored] == ["You said: Hello!", "Hello!"]
    assert await runtime.count_memories(table=MemoryType.MESSAGE, room_id=message.room_id) == 2
    assert len(model_server.chats) == 1


@pytest.mark.spec("C4", "C5")
async def test_a_cycle_a_missing_dependency_and_an_unknown_plugin_say_what_to_do(eliza_os: ElizaOS) -> None:
    def config(*plugins: Plugin | str) -> list[dict[str, Any]]:
        return [{"character": {"name": "Ada"}, "plugins": list(plugins)}]

    chicken = Plugin(name="chicken", dependencies=("egg",))
    egg = Plugin(name="egg", dependencies=("chicken",))
    with pytest.raises(PluginCycle, match="chicken → egg → chicken; remove one of these dependencies"):
        await eliza_os.add_agents(config(chicken, egg))
    with pytest.raises(PluginError, match=r"'chicken' needs 'egg', which is not in the list .*; add it to the agent's"):
        await eliza_os.add_agents(config(chicken))
    with pytest.raises(PluginNotFound, match=r"no plugin 'teleport' is installed; known are .*openai.* Install"):
        await eliza_os.add_agents(config("teleport"))
    twice = r"action 'SEARCH' is registered twice, by plugin 'a' and by plugin 'b': remove one of the two plugins"
    with pytest.raises(DuplicateComponent, match=twice):
        await eliza_os.add_agents(config(Plugin(name="a", actions=(SEARCH,)), Plugin(name="b", actions=(SEARCH,))))
    assert eliza_os.get_agents() == []
