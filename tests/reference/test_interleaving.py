"""Concurrent messages: on one runtime, and over many agents with one connection pool."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core import (
    Action,
    ActionOptions,
    ActionResult,
    AgentRuntime,
    ElizaOS,
    Evaluator,
    EventType,
    HandledMessage,
    Memory,
    Plugin,
    Provider,
    ProviderResult,
    State,
)
from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.plugin_api import Context
from runtime_core.support import background
from runtime_core.support.deadline import Deadline, current_deadline, deadline
from runtime_core.support.scope import current_scope
from tests.model_answers import Gate, ModelRequest, Reply, Sent, echo, held
from tests.model_server import ScriptedModelServer
from tests.wire import WireProxy

MESSAGES = 50
ROOMS = 10
ROUNDS = 2


class Quorum(Gate):
    """A gate that opens when a number of requests wait at it."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._missing = wanted

    def when_open(self, call: Callable[[], None]) -> None:
        super().when_open(call)
        self._missing -= 1
        if self._missing == 0:
            self.open()


class Notes:
    """An action and a provider that wait for those of all other messages."""

    def __init__(self) -> None:
        self.provided: Counter[str] = Counter()
        self._meeting = asyncio.Barrier(MESSAGES)

    def action(self) -> Action:
        number = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
        return Action(name="NOTE", description="Notes a number", handler=self.note, parameters=number)

    def provider(self) -> Provider:
        return Provider(name="NUMBER", get=self.provide)

    async def provide(self, _: Context, message: Memory) -> ProviderResult:
        self.provided[message.content.text] += 1
        await asyncio.sleep(0)  # lets other tasks run
        return ProviderResult(values={"number": message.content.text})

    async def note(
        self, runtime: Context, message: Memory, state: State, options: ActionOptions, callback: Any
    ) -> ActionResult:
        """Report the state of this message while all other actions run."""
        async with asyncio.timeout(30):
            await self._meeting.wait()
        context, again = runtime.turn_context(), await runtime.compose_state(message)
        await callback({"text": f"noting {message.content.text}"})
        assert context is not None
        assert context.message is not None
        return ActionResult(
            values={"noted": message.content.text},
            data={
                "number": options.parameters["number"],
                "run_id": str(runtime.get_current_run_id()),
                "message_id": str(context.message.id),
                "values": [state.values["number"], again.values["number"], state.values.get("noted")],
                "seen": [each.data["number"] for each in runtime.get_action_results(message.id)],
                "previous": [each.data["number"] for each in options.previous_results],
            },
        )


def note_twice_and_report(request: ModelRequest) -> Sent:
    """Call NOTE twice with the number of the message, then answer with the results."""
    number = int(request.last_text)
    results = [json.loads(each["content"])["data"] for each in request.json["messages"] if each["role"] == "tool"]
    if len(results) < ROUNDS:
        return Reply(text=None, tool_calls=[("NOTE", {"number": number})], usage=(number, 1, 0))(request)
    return Reply(text=json.dumps([each["number"] for each in results]), usage=(number, 1, 0))(request)


@pytest.mark.spec("R5", "R6", "R11", "P4", "P6")
async def test_fifty_interleaved_messages_on_one_runtime_never_mix(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    """All fifty turns wait for their first answer together, and for each other in both actions."""
    notes = Notes()
    runtime.register_action(notes.action())
    runtime.register_provider(notes.provider())
    told: dict[str, list[tuple[UUID, UUID]]] = {}
    for event_type in (EventType.RUN_STARTED, EventType.ACTION_COMPLETED, EventType.RUN_ENDED):
        runtime.on(event_type, partial(_note_run, told.setdefault(event_type.value, [])))
    gate = Quorum(MESSAGES)
    model_server.answer_with(lambda request: held(note_twice_and_report, gate)(request))
    rooms = [uuid4() for _ in range(ROOMS)]
    messages = [
        runtime.as_message({"entity_id": uuid4(), "room_id": rooms[number % ROOMS], "content": {"text": str(number)}})
        for number in range(MESSAGES)
    ]
    streamed: list[list[str]] = [[] for _ in messages]
    sending = (
        eliza_os.handle_message(runtime, each, on_stream_chunk=partial(_append, streamed[number]))
        for number, each in enumerate(messages)
    )
    handled = await asyncio.wait_for(asyncio.gather(*sending), 60)

    for number, (message, each) in enumerate(zip(messages, handled, strict=True)):
        assert "".join(streamed[number]) == json.dumps([number, number])
        await _check_isolation(runtime, number, message, each)
    runs = [(each.message_id, each.processing.run_id) for each in handled if each.processing is not None]
    assert len({run_id for _, run_id in runs}) == MESSAGES
    assert sorted(told["RUN_STARTED"]) == sorted(told["RUN_ENDED"]) == sorted(runs)
    assert Counter(told["ACTION_COMPLETED"]) == dict.fromkeys(runs, ROUNDS)
    assert notes.provided == {str(number): 1 for number in range(MESSAGES)}, "each state is composed once"
    assert all(runtime.get_action_results(message.id) == [] for message in messages), "nothing stays on the runtime"
    assert runtime.turn_context() is None


async def _check_isolation(runtime: Context, number: int, message: Memory, handled: HandledMessage) -> None:
    """Check that the result and run of a message hold only its own data."""
    result = handled.processing
    assert result is not None
    assert json.loads(result.text) == [number, number]
    said = [f"noting {number}"] * ROUNDS + [result.text]
    assert [each.content.text for each in result.response_messages] == said
    assert {each.content.in_reply_to for each in result.response_messages} == {message.id}
    assert result.usage.input_tokens == 3 * number
    assert result.state is not None
    own = {"number": number, "run_id": str(result.run_id), "message_id": str(message.id)}
    text = str(number)
    assert [dict(each.data) for each in result.state.data["action_results"]] == [
        {**own, "values": [text, text, None], "seen": [], "previous": []},
        {**own, "values": [text, text, text], "seen": [number], "previous": [number]},
    ]
    stored = await runtime.get_run(result.run_id)
    assert stored is not None
    assert (stored.message_id, stored.room_id, len(stored.steps)) == (message.id, message.room_id, ROUNDS)
    assert len(stored.details["model_calls"]) == 3


async def _note_run(told: list[tuple[UUID, UUID]], event: dict[str, Any]) -> None:
    told.append((event["message_id"], event["run_id"]))


async def _append(pieces: list[str], piece: str) -> None:
    pieces.append(piece)


@pytest.mark.spec("R11", "R15", "L8")
async def test_what_is_embedded_in_the_background_belongs_to_no_message(eliza_os: ElizaOS) -> None:
    """The deadline of the message that started the embedding does not apply to it."""
    seen: list[tuple[object, object]] = []
    embedded = asyncio.Event()

    async def embed(runtime: Context, params: Any) -> list[float]:
        seen.append((current_scope(runtime.agent_id), current_deadline()))
        embedded.set()
        return [1.0] * 256

    plugin = Plugin(name="embeds", models={"TEXT_EMBEDDING": embed}, model_priority=1)
    [runtime] = await eliza_os.add_agents(
        [{"character": {"name": "Ada"}, "plugins": ["openai", plugin], "settings": {"RECALL": "text"}}],
        return_runtimes=True,
    )
    message = {"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello!"}}
    handled = await eliza_os.handle_message(runtime, message, timeout_s=30)
    await asyncio.wait_for(embedded.wait(), 10)
    assert seen[0] == (None, None)
    assert handled.processing is not None
    stored = await runtime.get_run(handled.processing.run_id)
    assert stored is not None
    assert [each["type"] for each in stored.details["model_calls"]] == ["TEXT_LARGE"]


@pytest.mark.spec("O7", "P7", "L8")
async def test_evaluators_have_the_time_of_the_event_not_that_of_the_message(
    eliza_os: ElizaOS, runtime: AgentRuntime
) -> None:
    bounds: list[tuple[bool, Deadline | None]] = []

    async def act(inside: bool) -> None:
        bounds.append((inside, current_deadline()))

    runtime.register_provider(Provider(name="DURING", get=lambda *_: act(True)))
    runtime.register_evaluator(Evaluator(name="AFTER", handler=lambda *_: act(False)))
    message = {"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": "Hello!"}}
    with deadline(Deadline.after(60)) as event:
        await eliza_os.handle_message(runtime, message, timeout_s=30)
        await background.finished(runtime)
    [(_, during), (_, after)] = bounds
    assert [inside for inside, _ in bounds] == [True, False]
    assert during is not None
    assert during.at_s < event.at_s
    assert after is event


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["sqlite://"], ids=[""])  # the agents use another adapter
@pytest.mark.spec("O8", "N3", "D2")
async def test_two_hundred_messages_over_twenty_agents_on_one_pool_keep_their_order_in_each_room(
    wire: WireProxy, model_server: ScriptedModelServer
) -> None:
    """The model answers only when all twenty agents wait for it, over five connections."""
    adapter = PostgresAdapter(wire.url, max_connections=5)
    eliza_os = ElizaOS()
    agents = [{"character": {"name": f"Agent {n}"}, "database_adapter": adapter} for n in range(20)]
    ids = await eliza_os.add_agents(agents, auto_start=True)
    gate = Quorum(20)
    model_server.answer_with(held(echo, gate))
    rooms, speakers = {agent_id: uuid4() for agent_id in ids}, [uuid4() for _ in range(3)]
    sent = [
        {
            "agent_id": agent_id,
            "message": {
                "entity_id": speakers[number % 3],
                "room_id": rooms[agent_id],
                "content": {"text": f"{number} to {n}"},
            },
        }
        for number in range(10)
        for n, agent_id in enumerate(ids)
    ]
    results = await asyncio.wait_for(eliza_os.handle_messages(sent), 60)

    assert [each.error for each in results] == [None] * 200
    assert [each.agent_id for each in results] == ids * 10
    processed = [each.result.processing for each in results if each.result is not None]
    answers = [f"You said: {each['message']['content']['text']}" for each in sent]  # type: ignore[index]  # as above
    assert [each.text for each in processed if each is not None] == answers
    assert len({each.run_id for each in processed if each is not None}) == 200
    assert wire.connections <= 5
    for n, runtime in enumerate(eliza_os.get_agents()):
        stored = list(reversed(await runtime.get_memories(room_id=rooms[runtime.agent_id])))
        told = [text for number in range(10) for text in (f"{number} to {n}", f"You said: {number} to {n}")]
        assert [each.content.text for each in stored] == told, "the order they were sent in, each with its answer"
        assert {each.agent_id for each in stored} == {runtime.agent_id}
        asked = [each for each in model_server.chats if each["messages"][-1]["content"].endswith(f" to {n}")]
        assert [len(each["messages"]) for each in asked] == [2 + 2 * number for number in range(10)], "all before it"
    await eliza_os.stop_agents()
    await adapter.close()
