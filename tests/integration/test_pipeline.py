"""Rules of the pipeline: decision, steps, evaluation and isolated failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.chat import ChatRole, TextResponse
from runtime_core.domain.events import EventType
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.result import Mode
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.state import State
from runtime_core.domain.world import DIRECT_CHANNELS, ChannelType, Participant, ParticipantState, Relationship
from runtime_core.plugin_api import Action, Evaluator, Plugin, Provider
from runtime_core.support import background
from runtime_core.turn.plan import StepStatus, plan_in
from runtime_core.turn.value import TurnOptions
from tests.integration.talk import Talk, calling


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    database = SqliteAdapter(tmp_path / "mayfly.db")
    await database.migrate()
    talk = Talk(database)
    yield talk
    await talk.runtime.stop()
    await database.close()


# P2: respond?


@pytest.mark.parametrize("channel", [ChannelType.DM, ChannelType.VOICE_DM, ChannelType.SELF, ChannelType.API])
async def test_who_talks_to_the_agent_alone_is_answered_unasked(talk: Talk, channel: ChannelType) -> None:
    talk.channel = channel
    await talk.open()
    assert (await talk.say("whatever")).did_respond
    assert talk.asked_small == []


@pytest.mark.parametrize(
    "channel",
    [each for each in ChannelType if each not in DIRECT_CHANNELS],
)
@pytest.mark.parametrize(("verdict", "answered"), [("RESPOND", True), ("IGNORE", False), ("no idea", False)])
async def test_elsewhere_a_small_model_decides(talk: Talk, channel: ChannelType, verdict: str, answered: bool) -> None:
    talk.channel, talk.verdicts = channel, [verdict]
    await talk.open()
    result = await talk.say("whatever")
    assert result.did_respond is answered
    assert result.mode is (Mode.SIMPLE if answered else Mode.NONE)
    assert len(talk.asked_small) == 1


@pytest.mark.parametrize("text", ["Ada, hello", "hello ADA!", "@ada?", "is it you, Ada"])
async def test_who_names_the_agent_is_answered(talk: Talk, text: str) -> None:
    await talk.open()
    assert (await talk.say(text)).did_respond


async def test_a_name_inside_another_word_names_nobody(talk: Talk) -> None:
    talk.verdicts = ["IGNORE"]
    await talk.open()
    assert not (await talk.say("the Adapter from Canada")).did_respond


async def test_a_mention_or_a_reply_to_the_agent_is_answered(talk: Talk) -> None:
    talk.verdicts = ["IGNORE"]
    await talk.open()
    assert (await talk.say("you there", mentioned=True)).did_respond
    answer = (await talk.say("Ada?")).response_messages[0]
    assert (await talk.say("why", in_reply_to=answer.id)).did_respond
    assert not (await talk.say("why", in_reply_to=uuid4())).did_respond


async def test_the_agent_never_answers_itself(talk: Talk) -> None:
    talk.channel = ChannelType.DM
    await talk.open()
    result = await talk.say("Ada, Ada", entity_id=talk.runtime.agent_id, mentioned=True)
    assert (result.did_respond, talk.asked, talk.asked_small) == (False, [], [])


async def test_stop_mutes_the_room_until_the_agent_is_named(talk: Talk) -> None:
    talk.verdicts = ["STOP"]
    await talk.open()
    assert not (await talk.say("please be quiet, robot")).did_respond
    state = await talk.database.records.find(
        Participant, talk.runtime.agent_id, room_id=talk.room_id, entity_id=talk.runtime.agent_id
    )
    assert state[0].state is ParticipantState.MUTED
    assert not (await talk.say("still there?")).did_respond
    assert len(talk.asked_small) == 1, "a muted room costs no model call"
    assert (await talk.say("Ada, one question")).did_respond


async def test_a_followed_room_is_answered_without_asking_a_model(talk: Talk) -> None:
    await talk.open()
    await talk.act("FOLLOW_ROOM")
    assert (await talk.say("whatever")).did_respond
    assert talk.asked_small == []


@pytest.mark.parametrize(
    "settings",
    [{"ALWAYS_RESPOND_CHANNELS": "feed, group"}, {"ALWAYS_RESPOND_SOURCES": "Telegram,discord"}],
    ids=["channels", "sources"],
)
async def test_settings_widen_who_is_answered(talk: Talk, settings: Mapping[str, str]) -> None:
    await talk.open(settings=settings)
    assert (await talk.say("whatever", source="telegram")).did_respond
    assert talk.asked_small == []


async def test_a_template_of_the_character_asks_in_its_words(talk: Talk) -> None:
    talk.verdicts = ["RESPOND"]
    await talk.open(templates={"should_respond": "Shall {{agentName}} speak?"})
    assert (await talk.say("whatever")).did_respond
    assert talk.asked_small[0]["messages"][0].text == "Shall Ada speak?"


# P3: the text protocol and several steps


async def look_up(_runtime: Any, _message: Any, _state: State, options: ActionOptions) -> ActionResult:
    return ActionResult(text=f"{options.parameters['city']}: 21 degrees", values={"city": options.parameters["city"]})


async def fail() -> None:
    raise ConnectionRefusedError("the kiln is cold")


WEATHER = Action(
    name="WEATHER",
    description="Look up the weather.",
    handler=look_up,
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
KILN = Action(name="KILN", description="Light the kiln.", handler=fail)


async def test_in_the_text_protocol_actions_stand_in_the_prompt_and_a_reply_costs_one_call(talk: Talk) -> None:
    talk.answers = ["<response><thought>easy</thought><actions>REPLY</actions><text>Hello Grace</text></response>"]
    await talk.open(plugins=[Plugin(name="tools", actions=(WEATHER,))], settings={"ACTION_PROTOCOL": "text"})
    result = await talk.say()
    assert (result.text, result.mode, len(talk.asked)) == ("Hello Grace", Mode.SIMPLE, 1)
    assert "tools" not in talk.asked[0]
    assert '- WEATHER: Look up the weather. Parameters: {"city":{"type":"string"}}' in talk.system
    assert "- REPLY: " in talk.system


async def test_in_the_text_protocol_results_go_back_until_the_model_answers(talk: Talk) -> None:
    talk.answers = [
        '<response><actions>WEATHER, KILN</actions><params>{"WEATHER": {"city": "Bern"}}</params></response>',
        '{"actions": ["REPLY"], "text": "Mild in Bern."}',
    ]
    await talk.open(plugins=[Plugin(name="tools", actions=(WEATHER, KILN))], settings={"ACTION_PROTOCOL": "text"})
    result = await talk.say()
    assert (result.text, result.mode) == ("Mild in Bern.", Mode.ACTIONS)
    said, results = talk.messages[-2:]
    assert (said.role, results.role) == (ChatRole.ASSISTANT, ChatRole.USER)
    assert "<actions>WEATHER, KILN</actions>" in said.text
    assert 'WEATHER: {"success":true,"text":"Bern: 21 degrees"}' in results.text
    assert "the kiln is cold" in results.text
    assert [each.content.text for each in result.response_messages] == ["Mild in Bern."]


async def test_in_the_text_protocol_a_listener_hears_the_text_alone(talk: Talk) -> None:
    heard: list[str] = []

    async def told(piece: str) -> None:
        heard.append(piece)

    talk.channel = ChannelType.DM
    talk.answers = ["<response><thought>secret</thought><text>Hello Grace</text></response>"]
    await talk.open(settings={"ACTION_PROTOCOL": "text"})
    message = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="Hi"))
    await talk.runtime.message_service.handle_message(talk.runtime, message, options=TurnOptions(on_delta=told))
    assert "".join(heard) == "Hello Grace"
    assert len(heard) > 1


async def test_in_the_text_protocol_a_provider_can_be_looked_up_by_name(talk: Talk) -> None:
    async def secret() -> str:
        return "The glaze is cobalt."

    talk.answers = [
        "<response><providers>GLAZES, NOBODY</providers></response>",
        "<response><text>It is cobalt.</text></response>",
    ]
    provider = Provider(name="GLAZES", description="What is in the glazes", get=secret, dynamic=True)
    await talk.open(plugins=[Plugin(name="p", providers=(provider,))], settings={"ACTION_PROTOCOL": "text"})
    result = await talk.say()
    assert result.text == "It is cobalt."
    assert "GLAZES: What is in the glazes" in talk.asked[0]["messages"][0].text
    assert "cobalt" not in talk.asked[0]["messages"][0].text
    assert "The glaze is cobalt." in talk.system


@pytest.mark.parametrize("protocol", ["native", "text"])
async def test_the_steps_allowed_are_not_passed(talk: Talk, protocol: str) -> None:
    again = calling(("WEATHER", {"city": "Bern"}))
    in_text = TextResponse(text='{"actions": [{"name": "WEATHER", "params": {"city": "Bern"}}], "text": "Wait"}')
    talk.answers = [again if protocol == "native" else in_text] * 3
    if protocol == "native":
        talk.answers[2] = TextResponse(text="Wait", tool_calls=again.tool_calls)
    await talk.open(plugins=[Plugin(name="tools", actions=(WEATHER,))], settings={"ACTION_PROTOCOL": protocol})
    message = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="Ada?"))
    options = TurnOptions(max_iterations=2)
    result = await talk.runtime.message_service.handle_message(talk.runtime, message, options=options)
    assert len(talk.asked) == 3
    assert "used up" in talk.messages[-1].text
    assert "tools" not in talk.asked[-1]
    assert result.text == "Wait"


# P5: the plan


async def test_actions_see_the_plan_and_the_state_keeps_how_it_went(talk: Talk) -> None:
    seen: list[list[str]] = []

    async def watch(_runtime: Any, _message: Any, state: State) -> None:
        seen.append([f"{each.action} {each.status}" for each in plan_in(state.data).steps])

    watching = Action(name="WATCH", description="Watch.", handler=watch)
    talk.answers = [
        calling(("KILN", {}), ("WATCH", {}), ("WEATHER", {"city": "Bern"})),
        calling(("WATCH", {})),
    ]
    await talk.open(plugins=[Plugin(name="tools", actions=(WEATHER, KILN, watching))])
    result = await talk.say()
    assert seen == [
        ["KILN failed", "WATCH pending", "WEATHER pending"],
        ["KILN failed", "WATCH completed", "WEATHER completed", "WATCH pending"],
    ]
    assert result.state is not None
    plan = plan_in(result.state.data)
    assert plan.pending == ()
    assert plan.steps[0].status is StepStatus.FAILED
    assert "the kiln is cold" in str(plan.steps[0].error)
    assert [each.action for each in result.state.data["action_results"]] == ["KILN", "WATCH", "WEATHER", "WATCH"]


# P7: the evaluators


async def test_evaluators_run_once_the_answer_is_out_and_a_failing_one_stops_nobody(talk: Talk) -> None:
    order: list[Any] = []

    async def look_back(_runtime: Any, _message: Any, _state: Any, responses: Sequence[Memory]) -> None:
        order.append([each.content.text for each in responses])

    async def told(content: Content) -> None:
        order.append(content.text)

    evaluators = (Evaluator(name="FAILS", handler=fail), Evaluator(name="LOOKS", handler=look_back))
    await talk.open(plugins=[Plugin(name="e", evaluators=evaluators)])
    ended: list[tuple[str, bool]] = []

    def note(event: Mapping[str, Any]) -> None:
        ended.append((event["evaluator"], "error" in event))

    talk.runtime.on(EventType.EVALUATOR_COMPLETED, note)
    message = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="Ada?"))
    await talk.runtime.message_service.handle_message(talk.runtime, message, told)
    assert order == ["Fine."], "who waits for the answer has it before anyone looks back"
    await background.finished(talk.runtime)
    assert order == ["Fine.", ["Fine."]]
    assert ended == [("FAILS", True), ("LOOKS", False)]


async def test_an_unanswered_message_concerns_only_those_that_always_run(talk: Talk) -> None:
    ran: list[str] = []

    def noting(name: str, **fields: Any) -> Evaluator:
        async def handle() -> None:
            ran.append(name)

        return Evaluator(name=name, handler=handle, **fields)

    async def not_due() -> bool:
        return False

    evaluators = (
        noting("USUAL"),
        noting("ALWAYS", always_run=True),
        noting("NOT_DUE", always_run=True, validate=not_due),
    )
    talk.verdicts = ["IGNORE"]
    await talk.open(plugins=[Plugin(name="e", evaluators=evaluators)])
    await talk.say("whatever")
    await background.finished(talk.runtime)
    assert ran == ["ALWAYS"]
    await talk.say("Ada?")
    await background.finished(talk.runtime)
    assert ran == ["ALWAYS", "USUAL", "ALWAYS"]


REFLECTED = """Here it is:
{"facts": [{"about": "Grace", "claim": "Grace lives in Bern."}, {"about": "Grace", "claim": "grace lives in bern"},
           {"about": "Nobody", "claim": ""}, "odd"],
 "relationships": [{"source": "Grace", "target": "Alan", "tags": ["friend"]},
                   {"source": "Grace", "target": "Kurt"}, 7]}"""


async def test_reflection_keeps_facts_and_relationships_once(talk: Talk) -> None:
    await talk.open(settings={"REFLECTION": "on", "conversation_length": 32})
    alan = await talk.join("Alan")
    talk.verdicts = [REFLECTED, REFLECTED.replace("friend", "colleague")]
    for round_number in (1, 2):
        for _ in range(4):
            await talk.say("Ada, I am Grace from Bern")
            await background.finished(talk.runtime)
        assert len(talk.asked_small) == round_number, "every eighth message of a conversation of 32"
    facts = await talk.runtime.get_memories(table="facts")
    assert [(each.content.text, each.entity_id) for each in facts] == [("Grace lives in Bern.", talk.sender_id)]
    (tie,) = await talk.database.records.find(Relationship, talk.runtime.agent_id)
    assert (tie.source_entity_id, tie.target_entity_id) == (talk.sender_id, alan)
    assert (tie.tags, tie.metadata["interactions"]) == (("friend", "colleague"), 2)
    state = await talk.runtime.compose_state(
        Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="Bern?")),
        ["FACTS", "RELATIONSHIPS"],
    )
    assert state.provided("FACTS").text == "# What you know from before\n- Grace lives in Bern."
    assert state.provided("RELATIONSHIPS").text == "# Whom the sender knows\n- Alan: friend, colleague"


async def test_reflection_costs_a_plain_chat_nothing(talk: Talk) -> None:
    talk.channel = ChannelType.DM
    await talk.open()
    for _ in range(10):
        await talk.say("Hello")
    assert (len(talk.asked), talk.asked_small) == (10, [])


# P9


async def test_deleting_and_clearing_tell_whoever_listens(talk: Talk) -> None:
    told: list[tuple[str, Any]] = []
    await talk.open()
    runtime = talk.runtime

    def deleted(event: Mapping[str, Any]) -> None:
        told.append(("deleted", event["message_id"]))

    def cleared(event: Mapping[str, Any]) -> None:
        told.append(("cleared", event["messages"]))

    runtime.on(EventType.MESSAGE_DELETED, deleted)
    runtime.on(EventType.CHANNEL_CLEARED, cleared)
    result = await talk.say()
    await talk.say()
    assert await runtime.message_service.delete_message(runtime, result.message_id)
    assert not await runtime.message_service.delete_message(runtime, result.message_id)
    fact = await runtime.create_fact({"room_id": talk.room_id, "content": {"text": "kept"}})
    assert not await runtime.message_service.delete_message(runtime, fact)
    assert await runtime.message_service.clear_channel(runtime, talk.room_id) == 3
    assert told == [("deleted", result.message_id), ("cleared", 3)]
    assert await runtime.count_memories(table=None) == 1


# Isolated failures


async def test_a_provider_or_an_action_that_fails_costs_the_message_nothing(talk: Talk) -> None:
    async def broken_provider() -> str:
        raise ZeroDivisionError("no clay")

    async def broken_validate() -> bool:
        raise ZeroDivisionError("no wheel")

    unsure = replace(KILN, name="UNSURE", validate=broken_validate)
    plugin = Plugin(name="broken", providers=(Provider(name="CLAY", get=broken_provider),), actions=(KILN, unsure))
    talk.answers = [calling(("KILN", {}))]
    await talk.open(plugins=[plugin])
    result = await talk.say()
    assert result.text == "Fine."
    assert result.state is not None
    assert result.state.data["provider_errors"] == {"CLAY": "ZeroDivisionError: no clay"}
    assert "UNSURE" not in talk.offered
    (failed,) = result.state.data["action_results"]
    assert failed.error == "KILN failed: ConnectionRefusedError: the kiln is cold"


async def test_a_reply_to_what_the_agent_said_long_ago_is_answered(talk: Talk) -> None:
    await talk.open(settings={"conversation_length": 2})
    first = await talk.say("Ada?")
    talk.verdicts = ["IGNORE"] * 3
    for _ in range(3):
        await talk.say("whatever")
    message = Memory(
        entity_id=talk.sender_id,
        room_id=talk.room_id,
        content=Content(text="what you said there", in_reply_to=first.response_messages[0].id),
    )
    assert (await talk.runtime.message_service.handle_message(talk.runtime, message)).did_respond
