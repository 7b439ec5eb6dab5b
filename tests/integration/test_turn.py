"""Turn of one message on both databases, with a model over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.events import EventType
from runtime_core.domain.result import Mode
from runtime_core.domain.run import ActionOptions, ActionResult, RunStatus
from runtime_core.errors import (
    LeaseLost,
    MessageConflict,
    ModelAuthenticationFailed,
    ModelUnavailable,
    RoomOfAnotherAgent,
    TurnInProgress,
)
from runtime_core.plugin_api import Action, Evaluator, Plugin
from runtime_core.ports import MemoryFilter
from runtime_core.turn.value import TurnOptions
from tests.integration.conftest import Open, conversation, new_id, request_of
from tests.model_answers import Gate, Reply, failure, held
from tests.model_server import ScriptedModelServer


def asked(server: ScriptedModelServer, index: int = -1) -> list[dict[str, Any]]:
    """Return the messages of a request to the model."""
    messages: list[dict[str, Any]] = server.chats[index]["messages"]
    return messages


async def test_the_model_reads_character_earlier_messages_and_the_exact_text(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id, text = new_id(), "  What is  Slip?\n— asked\ttwice 🏺 "
    model_server.script(Reply(text="Wet clay."), Reply(text="As I said."))
    await deployment.answer(request_of("Hello there", room_id=room_id))
    result = await deployment.answer(request_of(text, room_id=room_id))
    system, *rest = asked(model_server)
    for part in ("You are Potter.", "You help in a pottery.", "thrown clay for thirty years", "likes plain bowls"):
        assert part in system["content"]
    assert system["role"] == "system"
    assert [(each["role"], each["content"]) for each in rest] == [
        ("user", "Hello there"),
        ("assistant", "Wet clay."),
        ("user", text),
    ]
    assert (result.text, result.mode, result.did_respond) == ("As I said.", Mode.SIMPLE, True)


async def test_a_plain_reply_costs_one_model_call_and_stores_message_and_answer(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    result = await deployment.answer(request_of("Hello", room_id=room_id))
    assert model_server.request_count == 1
    stored = await conversation(deployment.database, result.agent_id, room_id)
    assert [each.content.text for each in stored] == ["Hello", result.text]
    assert stored[1].id == result.response_messages[0].id
    assert stored[1].content.in_reply_to == stored[0].id == result.message_id
    run = await deployment.database.turns.get_run(result.run_id)
    assert run is not None
    assert (run.status, run.message_id) == (RunStatus.COMPLETED, result.message_id)
    assert run.details["usage"]["input_tokens"] == result.usage.input_tokens > 0


async def test_two_identical_states_give_byte_identical_requests(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    async with open_deployment() as deployment:
        runtime = await deployment.runtime(deployment.agent_id(None))
        message = request_of("Hello", room_id=new_id(), id=new_id()).memory(runtime.agent_id)
        model_server.script(failure(401), failure(401))
        for _ in range(2):  # the second delivery resumes the first: same message, same time of day to the minute
            with pytest.raises(ModelAuthenticationFailed):
                await runtime.message_service.handle_message(runtime, message)
        first, second = model_server.requests
        assert first.body == second.body


async def test_a_tool_call_runs_the_action_and_the_final_text_is_stored(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    model_server.script(Reply(tool_calls=[("WEATHER", {"city": "Bern"})]), Reply(text="Mild in Bern."))
    result = await deployment.answer(request_of("Weather in Bern?", room_id=room_id))
    tools = {each["function"]["name"]: each["function"] for each in model_server.chats[0]["tools"]}
    assert tools["WEATHER"]["parameters"]["required"] == ["city"]
    assert not {"REPLY", "NONE", "IGNORE"} & tools.keys()
    call, answer = asked(model_server)[-2:]
    assert call["tool_calls"][0]["function"]["name"] == "WEATHER"
    assert answer["role"] == "tool"
    assert answer["tool_call_id"] == call["tool_calls"][0]["id"]
    assert '"success":true' in answer["content"]
    assert "Bern: 21 degrees" in answer["content"]
    assert (result.text, result.mode) == ("Mild in Bern.", Mode.ACTIONS)
    stored = await conversation(deployment.database, result.agent_id, room_id)
    assert [each.content.text for each in stored] == ["Weather in Bern?", "Mild in Bern."]
    assert stored[1].content.actions == ("WEATHER",)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("KILN", {}), "KILN failed: ConnectionRefusedError: the kiln is cold"),
        (("WEATHER", {}), "WEATHER: city: is required"),
        (("WEATHER", "not json"), "WEATHER: the arguments are not JSON"),
        (("FLY", {}), "there is no action 'FLY'"),
    ],
)
async def test_an_action_that_fails_gives_the_model_an_error_and_the_user_an_answer(
    deployment: Deployment, model_server: ScriptedModelServer, call: tuple[str, Any], says: str
) -> None:
    model_server.script(Reply(tool_calls=[call]), Reply(text="Not today, sorry."))
    result = await deployment.answer(request_of("Light the kiln"))
    told = asked(model_server)[-1]
    assert '"success":false' in told["content"]
    assert says in told["content"].replace('\\"', '"')
    assert result.text == "Not today, sorry."


async def test_later_actions_see_earlier_results_and_what_they_send_is_stored(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id, heard = new_id(), []
    model_server.script(
        Reply(tool_calls=[("FORECAST", {"city": "Bern"}), ("ANNOUNCE", {})]), Reply(text="Done, all know.")
    )

    async def hear(content: Any) -> None:
        heard.append(content.text)

    result = await deployment.answer(request_of("Announce the weather", room_id=room_id), on_content=hear)
    assert heard == ["Announced: 21", "Done, all know."]
    assert [each.content.text for each in result.response_messages] == heard
    stored = await conversation(deployment.database, result.agent_id, room_id)
    assert [each.content.text for each in stored] == ["Announce the weather", *heard]
    assert sorted(stored, key=lambda each: (each.created_at, each.id)) == stored


async def test_a_model_that_never_stops_calling_tools_is_asked_for_its_last_word(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    async with open_deployment(max_multi_step_iterations=2) as deployment:
        model_server.script(
            *[Reply(tool_calls=[("WEATHER", {"city": "Bern"})]) for _ in range(2)], Reply(text="Enough.")
        )
        result = await deployment.answer(request_of("Weather?"))
    assert result.text == "Enough."
    assert "tools" not in model_server.chats[-1]
    assert model_server.request_count == 3


async def test_text_is_streamed_as_the_model_writes(deployment: Deployment, model_server: ScriptedModelServer) -> None:
    pieces: list[str] = []
    model_server.script(Reply(text="Wet clay it is."))

    async def hear(piece: str) -> None:
        pieces.append(piece)

    result = await deployment.answer(request_of("What is slip?"), on_delta=hear)
    assert "".join(pieces) == result.text == "Wet clay it is."
    assert len(pieces) > 1
    assert result.usage.output_tokens == 4


async def test_the_same_message_id_gets_the_stored_answer(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id, message_id = new_id(), new_id()
    first = await deployment.answer(request_of("Hello", room_id=room_id, id=message_id))
    again = await deployment.answer(request_of("Hello", room_id=room_id, id=message_id))
    assert (first.replayed, again.replayed) == (False, True)
    assert {**again.as_json(), "replayed": False} == first.as_json()
    assert model_server.request_count == 1
    assert len(await conversation(deployment.database, first.agent_id, room_id)) == 2


async def test_the_same_id_with_another_body_is_refused(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id, message_id = new_id(), new_id()
    first = await deployment.answer(request_of("Hello", room_id=room_id, id=message_id))
    with pytest.raises(MessageConflict):
        await deployment.answer(request_of("Goodbye", room_id=room_id, id=message_id))
    assert len(await conversation(deployment.database, first.agent_id, room_id)) == 2


async def test_of_twenty_deliveries_at_once_one_answers(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    gate, request = Gate(), request_of("Hello", room_id=new_id(), id=new_id())
    model_server.script(held(Reply(text="Only once."), gate))
    deliveries = [asyncio.create_task(deployment.answer(request)) for _ in range(20)]
    await asyncio.wait(deliveries, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(gate.reached.wait, 10)
    losers = await _settled(deliveries, 19)
    assert [each for each in losers if not (isinstance(each, TurnInProgress) and each.retry_after_s)] == []
    gate.open()
    winners = [await task for task in deliveries if not task.done()]
    assert [each.text for each in winners] == ["Only once."]
    assert model_server.request_count == 1
    stored = await conversation(deployment.database, winners[0].agent_id, str(request.room_id))
    assert [each.content.text for each in stored] == ["Hello", "Only once."]


async def _settled(tasks: list[asyncio.Task[Any]], count: int) -> list[BaseException | None]:
    """Wait until a number of tasks have ended."""
    while sum(task.done() for task in tasks) < count:
        await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED, timeout=10)
    return [task.exception() for task in tasks if task.done()]


async def test_a_failed_turn_is_resumed_by_the_next_delivery_without_running_its_actions_again(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    request = request_of("Weather in Bern?", room_id=new_id(), id=new_id())
    model_server.script(Reply(tool_calls=[("WEATHER", {"city": "Bern"})]), failure(503))
    with pytest.raises(ModelUnavailable):
        await deployment.answer(request)
    model_server.script(Reply(text="Mild."))
    result = await deployment.answer(request)
    assert result.text == "Mild."
    assert [each["role"] for each in asked(model_server)[1:]] == ["user", "assistant", "tool"]
    run = await deployment.database.turns.get_run(result.run_id)
    assert run is not None
    assert (run.attempt, run.status) == (2, RunStatus.COMPLETED)
    stored = await conversation(deployment.database, result.agent_id, str(request.room_id))
    assert [each.content.text for each in stored] == ["Weather in Bern?", "Mild."]


async def test_a_slow_first_invocation_never_writes_a_second_answer(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    gate, request = Gate(), request_of("Hello", room_id=new_id(), id=new_id())
    model_server.script(held(Reply(text="Too late."), gate), Reply(text="In time."))
    agent_id = deployment.agent_id(None)
    runtime = await deployment.runtime(agent_id)
    slow = asyncio.create_task(
        runtime.message_service.handle_message(
            runtime, request.memory(agent_id), options=TurnOptions(lease_s=0.0, timeout_s=30.0)
        )
    )
    await asyncio.to_thread(gate.reached.wait, 10)
    result = await deployment.answer(request)
    gate.open()
    with pytest.raises(LeaseLost):
        await slow
    assert result.text == "In time."
    stored = await conversation(deployment.database, agent_id, str(request.room_id))
    assert [each.content.text for each in stored] == ["Hello", "In time."]


async def test_a_message_in_another_agents_room_is_refused_and_nothing_stored(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    await deployment.answer(request_of("Hello", room_id=room_id, agent="potter"))
    with pytest.raises(RoomOfAnotherAgent, match="belongs to agent 'Potter'"):
        await deployment.answer(request_of("Hello", room_id=room_id, agent="Weaver"))
    weaver = deployment.agent_id("Weaver")
    assert await deployment.database.memories.count(weaver, MemoryFilter(table=None)) == 0
    assert model_server.request_count == 1


async def test_a_model_failure_leaves_the_message_stored(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    model_server.script(failure(500))
    with pytest.raises(ModelUnavailable):
        await deployment.answer(request_of("Hello", room_id=room_id))
    stored = await conversation(deployment.database, deployment.agent_id(None), room_id)
    assert [each.content.text for each in stored] == ["Hello"]


async def test_retryable_failures_are_retried_as_often_as_the_setting_says(
    open_deployment: Open, model_server: ScriptedModelServer
) -> None:
    async with open_deployment(model_max_retries=2) as deployment:
        waiting = {"retry-after": "0"}
        model_server.script(failure(429, headers=waiting), failure(503, headers=waiting), Reply(text="At last."))
        result = await deployment.answer(request_of("Hello"))
    assert result.text == "At last."
    assert model_server.request_count == 3


async def test_every_event_of_a_turn_is_told(deployment: Deployment, model_server: ScriptedModelServer) -> None:
    runtime = await deployment.runtime(deployment.agent_id(None))
    told: list[str] = []
    for event_type in EventType:
        runtime.on(event_type, lambda _, name=event_type.value: told.append(name))  # type: ignore[misc] # a default binds it
    model_server.script(Reply(tool_calls=[("WEATHER", {"city": "Bern"})]), Reply(text="Mild."))
    message = request_of("Weather?").memory(runtime.agent_id)
    await runtime.message_service.handle_message(runtime, message)
    assert told == [
        "RUN_STARTED",
        "MESSAGE_RECEIVED",
        "MODEL_USED",
        "ACTION_STARTED",
        "ACTION_COMPLETED",
        "MODEL_USED",
        "MESSAGE_SENT",
        "RUN_ENDED",
    ]


async def test_two_messages_at_once_in_one_room_are_both_answered(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    results = await asyncio.gather(*(deployment.answer(request_of(f"Number {n}", room_id=room_id)) for n in range(10)))
    stored = await conversation(deployment.database, results[0].agent_id, room_id)
    answers = {each.content.in_reply_to: each for each in stored if each.entity_id == results[0].agent_id}
    assert {each.message_id for each in results} == answers.keys()
    for each in results:
        asked_at = next(memory.created_at for memory in stored if memory.id == each.message_id)
        assert asked_at is not None
        assert asked_at < answers[each.message_id].created_at  # type: ignore[operator] # stored memories have a time


async def test_an_agent_does_not_answer_itself(deployment: Deployment, model_server: ScriptedModelServer) -> None:
    agent_id = deployment.agent_id(None)
    result = await deployment.answer(request_of("Talking to myself", entity={"id": str(agent_id)}, room_id=new_id()))
    assert (result.did_respond, result.mode, result.text) == (False, Mode.NONE, "")
    assert model_server.request_count == 0
    assert isinstance(result.run_id, UUID)


async def test_a_result_that_no_database_keeps_is_an_error_for_the_model_and_the_user_gets_an_answer(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    async def unkeepable(_runtime: Any, _message: Any, _state: Any, options: ActionOptions) -> ActionResult:
        bad: dict[str, Any] = {"object": object(), "bytes": b"\xff", "nul": "a\x00b"}
        return ActionResult(data={"bad": bad[options.parameters["kind"]]})

    async def gives_up() -> None:
        raise asyncio.CancelledError

    runtime = await deployment.runtime(deployment.agent_id(None))
    runtime.register_action(Action(name="ODD", description="Odd.", handler=unkeepable))
    runtime.register_action(Action(name="GIVE_UP", description="Gives up.", handler=gives_up))
    calls = [("ODD", {"kind": kind}) for kind in ("object", "bytes", "nul")]
    model_server.script(Reply(tool_calls=[*calls, ("GIVE_UP", {})]), Reply(text="All the same."))
    message = request_of("Do something odd", room_id=new_id()).memory(runtime.agent_id)
    result = await runtime.message_service.handle_message(runtime, message)
    assert result.text == "All the same."
    told = asked(model_server)[-4:]
    assert all('"success":false' in each["content"] for each in told)
    assert "GIVE_UP was cancelled" in told[-1]["content"]


async def test_what_a_model_writes_that_no_database_keeps_is_cleaned(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    room_id = new_id()
    model_server.script(Reply(tool_calls=[("WEATHER", {"city": "Be\x00rn"})]), Reply(text="Mi\x00ld."))
    result = await deployment.answer(request_of("Weather?", room_id=room_id))
    assert result.text == "Mild."
    stored = await conversation(deployment.database, result.agent_id, room_id)
    assert [each.content.text for each in stored] == ["Weather?", "Mild."]


async def test_an_evaluator_never_delays_the_answer(open_deployment: Open, model_server: ScriptedModelServer) -> None:
    gate, looked = asyncio.Event(), list[str]()

    async def look_back() -> None:
        await gate.wait()
        looked.append("back")

    agent = {
        "character": {"name": "Slow", "id": "slow-looker"},
        "plugins": [Plugin(name="e", evaluators=(Evaluator(name="SLOW", handler=look_back),))],
    }
    AGENTS_THAT_LOOK_BACK[:] = [agent]
    async with open_deployment(agents=f"{__name__}:AGENTS_THAT_LOOK_BACK") as deployment:
        result = await deployment.answer(request_of("Hello"))
        assert (result.text, looked) == ("You said: Hello", [])
        gate.set()
    assert looked == ["back"], "the deployment waits for it before it closes"


AGENTS_THAT_LOOK_BACK: list[Any] = []


async def test_an_action_that_is_not_possible_now_is_refused_though_the_model_names_it(
    deployment: Deployment, model_server: ScriptedModelServer
) -> None:
    ran: list[int] = []

    async def handle() -> None:
        ran.append(1)

    async def never() -> bool:
        return False

    runtime = await deployment.runtime(deployment.agent_id(None))
    runtime.register_action(Action(name="HIDDEN", description="Hidden.", handler=handle, validate=never))
    model_server.script(Reply(tool_calls=[("HIDDEN", {}), ("IGNORE", {})]), Reply(text="I cannot."))
    result = await runtime.message_service.handle_message(runtime, request_of("Do it").memory(runtime.agent_id))
    assert (result.text, ran) == ("I cannot.", [])
    assert ["is not possible now" in each["content"] for each in asked(model_server)[-2:]] == [True, True]
