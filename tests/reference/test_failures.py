"""One failing component of each kind: the scope of the failure, and the component named."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core import (
    Action,
    AgentError,
    AgentRuntime,
    ElizaOS,
    Evaluator,
    EventType,
    MayflyError,
    ModelError,
    Plugin,
    PluginError,
    Provider,
    Route,
    Service,
    ServiceError,
)
from runtime_core.plugin_api import Context
from runtime_core.support import background
from tests.model_answers import Reply
from tests.model_server import ScriptedModelServer

ANSWER = "Here you are."


class Fails(StrEnum):
    """The scope of a failure."""

    ALONE = "alone"  # the message is answered without the component
    TOLD = "told to the model"  # the message is answered, and the model reads the error
    TURN = "the turn"
    START = "the start of the agent"
    CALL = "the call that asked for it"


async def broken(*_: Any) -> Any:
    raise ZeroDivisionError("broken on purpose")


async def fine(*_: Any) -> None:
    """Do nothing."""


def broken_now(*_: Any) -> Any:
    raise ZeroDivisionError("broken on purpose")


class Sound(Service):
    service_type = "SOUND"

    @classmethod
    async def start(cls, runtime: Context) -> Sound:
        return cls()

    async def stop(self) -> None:
        """Do nothing: no resource is open."""


class Unstartable(Sound):
    service_type = "UNSTARTABLE"

    @classmethod
    async def start(cls, runtime: Context) -> Sound:
        raise ZeroDivisionError("broken on purpose")


class Unstoppable(Sound):
    service_type = "UNSTOPPABLE"

    async def stop(self) -> None:
        raise ZeroDivisionError("broken on purpose")


class Unhealthy(Sound):
    service_type = "UNHEALTHY"

    async def is_healthy(self) -> bool:
        raise ZeroDivisionError("broken on purpose")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A failing component.

    Attributes:
        field: The field of `Plugin` for the component.
        value: The value of the field.
        named: Text that the log or the error must contain.
        error: The error that the caller receives, if any.
        calls: A call in addition to sending a message.
    """

    field: str
    value: Any
    fails: Fails
    named: str
    error: type[Exception] = MayflyError
    calls: Callable[[ElizaOS, AgentRuntime], Awaitable[Any]] | None = None


async def _ask_route(_: ElizaOS, runtime: AgentRuntime) -> None:
    await runtime.handle_route({"path": "/plugins/frail/broken"})


async def _check_keys(eliza_os: ElizaOS, _: AgentRuntime) -> None:
    await eliza_os.validate_api_keys()


async def _embed(_: ElizaOS, runtime: AgentRuntime) -> None:
    await runtime.embed(["a text"])


async def _check_health(eliza_os: ElizaOS, runtime: AgentRuntime) -> None:
    health = await eliza_os.health_check()
    assert (health[runtime.agent_id].alive, health[runtime.agent_id].responsive) == (True, False)


CASES = {
    "plugin's init": Case(
        field="init", value=broken, fails=Fails.START, error=PluginError, named="plugin 'frail': init failed"
    ),
    "action's handler": Case(
        field="actions",
        value=(Action(name="BREAK", description="Breaks", handler=broken),),
        fails=Fails.TOLD,
        named="BREAK failed: ZeroDivisionError: broken on purpose",
    ),
    "action's validate": Case(
        field="actions",
        value=(Action(name="BREAK", description="Breaks", handler=fine, validate=broken),),
        fails=Fails.TOLD,
        named="BREAK is not possible now",
    ),
    "provider": Case(
        field="providers",
        value=(Provider(name="FRAIL_PROVIDER", get=broken),),
        fails=Fails.ALONE,
        named="FRAIL_PROVIDER",
    ),
    "evaluator's handler": Case(
        field="evaluators",
        value=(Evaluator(name="FRAIL_EVALUATOR", handler=broken),),
        fails=Fails.ALONE,
        named="FRAIL_EVALUATOR",
    ),
    "evaluator's validate": Case(
        field="evaluators",
        value=(Evaluator(name="FRAIL_EVALUATOR", handler=fine, validate=broken),),
        fails=Fails.ALONE,
        named="FRAIL_EVALUATOR",
    ),
    "service's start": Case(
        field="services",
        value=(Sound, Unstartable),
        fails=Fails.START,
        error=ServiceError,
        named="service UNSTARTABLE/Unstartable failed to start: ZeroDivisionError",
    ),
    "service's stop": Case(
        field="services", value=(Unstoppable, Sound), fails=Fails.ALONE, named="UNSTOPPABLE/Unstoppable"
    ),
    "service's health": Case(
        field="services", value=(Unhealthy,), fails=Fails.ALONE, named="service Unhealthy", calls=_check_health
    ),
    "model": Case(
        field="models",
        value={"TEXT_LARGE": broken},
        fails=Fails.TURN,
        error=ModelError,
        named="model provider 'frail' failed: ZeroDivisionError",
    ),
    "listener": Case(
        field="events", value={EventType.RUN_STARTED: (broken,)}, fails=Fails.ALONE, named="listener': 'broken'"
    ),
    "route": Case(
        field="routes",
        value=(Route(type="GET", path="/broken", handler=broken),),
        fails=Fails.CALL,
        error=ZeroDivisionError,
        named="broken on purpose",
        calls=_ask_route,
    ),
    "key check": Case(
        field="check_key",
        value=broken,
        fails=Fails.CALL,
        error=PluginError,
        named="plugin 'frail': key check failed: ZeroDivisionError",
        calls=_check_keys,
    ),
    "database adapter": Case(
        field="adapter",
        value=broken_now,
        fails=Fails.START,
        error=PluginError,
        named="plugin 'frail': database adapter failed: ZeroDivisionError",
    ),
    "embedding model": Case(
        field="models",
        value={"TEXT_EMBEDDING": broken},
        fails=Fails.CALL,
        error=ModelError,
        named="model provider 'frail' failed: ZeroDivisionError",
        calls=_embed,
    ),
    "embedding space": Case(
        field="embedding_space",
        value=broken_now,
        fails=Fails.CALL,
        error=ModelError,
        named="model provider 'frail': embedding space failed: ZeroDivisionError",
        calls=_embed,
    ),
}
DATA = {"name", "description", "config", "model_priority", "dependencies", "priority", "settings", "tests"}


def reaching(*reaches: Fails) -> pytest.MarkDecorator:
    """Parametrize a test with the cases of these scopes."""
    chosen = {name: case for name, case in CASES.items() if case.fails in reaches}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen.keys())


def agent_with(case: Case) -> Mapping[str, Any]:
    """Build the config of an agent with a model and the failing plugin `frail`."""
    given: dict[str, Any] = {"name": "frail", "model_priority": 10, case.field: case.value}
    if case.field == "embedding_space":
        given["models"] = {"TEXT_EMBEDDING": fine}
    return {"character": {"name": "Ada"}, "plugins": ["openai", Plugin(**given)]}


@pytest.fixture
def said(user_id: UUID, room_id: UUID) -> Mapping[str, Any]:
    return {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return the captured log records, including their fields."""
    caplog.set_level(logging.WARNING)
    return lambda: "\n".join(str(vars(record)) for record in caplog.records)


def test_the_table_knows_everything_in_a_plugin_that_can_fail() -> None:
    assert {each.name for each in fields(Plugin)} - DATA == {case.field for case in CASES.values()}


@reaching(Fails.ALONE, Fails.TOLD)
@pytest.mark.spec("P4", "P7", "P10", "R5", "R8", "R9")
async def test_what_fails_alone_leaves_the_answer_and_is_named(
    eliza_os: ElizaOS, case: Case, said: Any, model_server: ScriptedModelServer, logged: Callable[[], str]
) -> None:
    [runtime] = await eliza_os.add_agents([agent_with(case)], auto_start=True, return_runtimes=True)
    if case.fails is Fails.TOLD:
        model_server.script(Reply(text=None, tool_calls=[("BREAK", {})]))
    model_server.script(Reply(text=ANSWER))
    handled = await eliza_os.handle_message(runtime, said)
    assert handled.processing is not None
    assert handled.processing.text == ANSWER
    if case.calls is not None:
        await case.calls(eliza_os, runtime)
    await background.finished(runtime)
    await runtime.stop()
    if case.fails is Fails.TOLD:
        [told] = [each["content"] for each in model_server.chats[-1]["messages"] if each["role"] == "tool"]
        assert case.named in told
        assert "'action': 'BREAK'" in logged()
    else:
        assert case.named in logged()
        assert "broken on purpose" in logged()


@pytest.mark.spec("P4", "P10")
async def test_an_action_whose_validate_fails_is_not_offered(
    eliza_os: ElizaOS, said: Any, model_server: ScriptedModelServer
) -> None:
    for kind, offered in (("action's handler", True), ("action's validate", False)):
        [runtime] = await eliza_os.add_agents([agent_with(CASES[kind])], ephemeral=True, return_runtimes=True)
        await eliza_os.handle_message(runtime, {**said, "room_id": uuid4()})
        tools = [each["function"]["name"] for each in model_server.chats[-1].get("tools", ())]
        assert ("BREAK" in tools) is offered
        await runtime.stop()


@pytest.mark.spec("R5", "P10")
async def test_a_provider_that_fails_is_noted_in_the_state(eliza_os: ElizaOS, said: Any) -> None:
    [runtime] = await eliza_os.add_agents([agent_with(CASES["provider"])], return_runtimes=True)
    state = await runtime.compose_state(said)
    assert state.data["provider_errors"] == {"FRAIL_PROVIDER": "ZeroDivisionError: broken on purpose"}


@reaching(Fails.TURN)
@pytest.mark.spec("P10", "N2", "R7")
async def test_what_fails_the_turn_is_named_and_the_message_waits_for_its_next_delivery(
    eliza_os: ElizaOS, case: Case, said: Any
) -> None:
    [runtime] = await eliza_os.add_agents([agent_with(case)], auto_start=True, return_runtimes=True)
    message = {**said, "id": uuid4()}
    with pytest.raises(case.error, match=case.named):
        await eliza_os.handle_message(runtime, message)
    assert [each.content.text for each in await runtime.get_memories(room_id=said["room_id"])] == ["Hello!"]
    await runtime.stop()
    [mended] = await eliza_os.add_agents([{"character": {"name": "Ada"}}], ephemeral=True, return_runtimes=True)
    handled = await eliza_os.handle_message(mended, message)
    assert handled.processing is not None
    assert handled.processing.text == "You said: Hello!"
    await mended.stop()


@reaching(Fails.START)
@pytest.mark.spec("R1", "R9", "O2", "P10")
async def test_what_fails_the_start_is_named_and_leaves_no_agent(eliza_os: ElizaOS, case: Case) -> None:
    with pytest.raises(case.error, match=case.named):
        await eliza_os.add_agents([agent_with(case), {"character": {"name": "Bob"}}])
    assert eliza_os.get_agents() == []


@reaching(Fails.CALL)
@pytest.mark.spec("R15", "R18", "O12", "P10")
async def test_what_fails_a_call_is_named_there_and_messages_are_answered_still(
    eliza_os: ElizaOS, case: Case, said: Any
) -> None:
    [runtime] = await eliza_os.add_agents([agent_with(case)], auto_start=True, return_runtimes=True)
    assert case.calls is not None
    with pytest.raises(case.error, match=case.named):
        await case.calls(eliza_os, runtime)
    handled = await eliza_os.handle_message(runtime, said)
    assert handled.processing is not None
    assert handled.processing.text == "You said: Hello!"
    await background.finished(runtime)


@pytest.mark.spec("O2", "P10")
async def test_an_agents_own_init_is_named_with_the_agent(eliza_os: ElizaOS) -> None:
    with pytest.raises(AgentError, match="agent 'Ada': init failed: ZeroDivisionError: broken on purpose"):
        await eliza_os.add_agents([{"character": {"name": "Ada"}, "init": broken}])


@pytest.mark.spec("P10")
async def test_an_error_of_ours_keeps_its_kind_and_is_noted_with_the_plugin(eliza_os: ElizaOS) -> None:
    async def refuse(*_: Any) -> None:
        raise AgentError("no ticket")

    with pytest.raises(AgentError, match="no ticket") as raised:
        await eliza_os.add_agents([{"character": {"name": "Ada"}, "plugins": [Plugin(name="frail", init=refuse)]}])
    assert raised.value.__notes__ == ["raised by plugin 'frail': init"]


@pytest.mark.spec("R13", "R17", "P10")
async def test_what_is_registered_by_hand_fails_where_it_is_asked(
    eliza_os: ElizaOS, runtime: AgentRuntime, said: Any, logged: Callable[[], str]
) -> None:
    runtime.register_send_handler("carrier pigeon", broken)
    with pytest.raises(ZeroDivisionError):
        await runtime.send_message_to_target({"source": "carrier pigeon"}, {"text": "Coo"})
    for failing in ("on_response", "on_complete"):
        told: list[str] = []
        callbacks: dict[str, Any] = {
            "on_response": partial(_note, told),
            "on_error": partial(_note, told),
            failing: broken,
        }
        await eliza_os.handle_message(runtime, {**said, "id": uuid4()}, **callbacks)
        await background.finished(runtime)
        assert told == (["ZeroDivisionError"] if failing == "on_response" else ["You said: Hello!"])
    assert "'callback': 'on_complete'" in logged()


async def _note(told: list[str], given: Any) -> None:
    told.append(type(given).__name__ if isinstance(given, Exception) else given.text)
