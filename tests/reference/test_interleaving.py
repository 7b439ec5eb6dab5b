"""Many messages at once: on one runtime, and over many agents on one pool of connections."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from runtime_core import Action, ActionOptions, ActionResult, AgentRuntime, ElizaOS, EventType, Memory, State
from runtime_core.adapters.postgres import PostgresAdapter
from tests.model_answers import Gate, ModelRequest, Reply, Sent, held
from tests.model_server import ScriptedModelServer

MESSAGES = 50


async def note(runtime: AgentRuntime, message: Memory, _: State, options: ActionOptions) -> ActionResult:
    await asyncio.sleep(0)  # lets the others go on in between
    seen = [each.data["number"] for each in runtime.get_action_results(message.id)]
    run_id = str(runtime.get_current_run_id())
    return ActionResult(data={"number": options.parameters["number"], "run_id": run_id, "seen": seen})


NOTE = Action(
    name="NOTE",
    description="Notes a number",
    handler=note,
    parameters={"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
)


def twice_then_told(request: ModelRequest) -> Sent:
    """Calls NOTE twice with the number of the message, then tells what the results were."""
    number = int(request.last_text)
    results = [json.loads(each["content"])["data"] for each in request.json["messages"] if each["role"] == "tool"]
    if len(results) < 2:
        return Reply(text=None, tool_calls=[("NOTE", {"number": number})])(request)
    return Reply(text=json.dumps([each["number"] for each in results]))(request)


@pytest.mark.spec("R5", "R6", "R11", "P4")
async def test_fifty_interleaved_messages_on_one_runtime_never_mix(
    eliza_os: ElizaOS, runtime: AgentRuntime, model_server: ScriptedModelServer
) -> None:
    runtime.register_action(NOTE)
    runs: dict[UUID, UUID] = {}
    runtime.on(EventType.RUN_STARTED, lambda event: runs.update({event["message_id"]: event["run_id"]}))
    gate = Gate()
    model_server.answer_with(lambda request: held(twice_then_told, gate)(request))
    messages = [
        runtime.as_message({"entity_id": uuid4(), "room_id": uuid4(), "content": {"text": str(number)}})
        for number in range(MESSAGES)
    ]
    waiting = asyncio.gather(*(eliza_os.handle_message(runtime, each) for each in messages))
    assert await asyncio.to_thread(gate.reached.wait, 10)
    gate.open()

    handled = [each.processing for each in await asyncio.wait_for(waiting, 60)]
    results = [each for each in handled if each is not None]
    assert [json.loads(each.text) for each in results] == [[number, number] for number in range(MESSAGES)]
    assert len({each.run_id for each in results}) == MESSAGES
    for number, (message, result) in enumerate(zip(messages, results, strict=True)):
        assert runs[message.id] == result.run_id
        assert result.state is not None
        noted = [dict(each.data) for each in result.state.data["action_results"]]
        assert noted == [
            {"number": number, "run_id": str(result.run_id), "seen": []},
            {"number": number, "run_id": str(result.run_id), "seen": [number]},
        ]
        stored = await runtime.get_run(result.run_id)
        assert stored is not None
        assert len(stored.steps) == 2
    assert runtime.get_action_results(messages[0].id) == [], "nothing of a turn stays on the runtime"


@pytest.mark.postgres
@pytest.mark.spec("O8", "N3", "D2")
async def test_two_hundred_messages_over_twenty_agents_on_one_pool_keep_their_order_in_each_room(
    postgres_url: str, model_server: ScriptedModelServer
) -> None:
    adapter = PostgresAdapter(postgres_url, max_connections=5)
    await adapter.migrate()
    eliza_os = ElizaOS()
    agents = [{"character": {"name": f"Agent {n}"}, "database_adapter": adapter} for n in range(20)]
    ids = await eliza_os.add_agents(agents, auto_start=True)
    rooms = {agent_id: uuid4() for agent_id in ids}
    speaker = uuid4()
    results = await eliza_os.handle_messages(
        [
            {
                "agent_id": agent_id,
                "message": {"entity_id": speaker, "room_id": rooms[agent_id], "content": {"text": str(number)}},
            }
            for number in range(10)
            for agent_id in ids
        ]
    )
    assert [each.error for each in results] == [None] * 200
    assert [each.agent_id for each in results] == ids * 10
    for runtime in eliza_os.get_agents():
        stored = list(reversed(await runtime.get_memories(room_id=rooms[runtime.agent_id])))
        told = [text for number in range(10) for text in (str(number), f"You said: {number}")]
        assert [each.content.text for each in stored] == told, "the order they were sent in, each with its answer"
    await eliza_os.stop_agents()
    await adapter.close()
