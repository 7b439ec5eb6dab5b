"""Advanced runtime methods: runs, results, services, connections, worlds, routing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime_core import (
    Action,
    ActionResult,
    AgentRuntime,
    ChannelType,
    Content,
    ElizaOS,
    EventType,
    InvalidInput,
    Memory,
    NoSendHandler,
    Plugin,
    Service,
    ServiceNotFound,
    ServiceType,
    TargetInfo,
)
from runtime_core.plugin_api import Context
from tests.model_answers import Reply
from tests.model_server import ScriptedModelServer


async def search_web(_: Context, message: Memory) -> ActionResult:
    return ActionResult(text="Three pages", data={"pages": 3})


SEARCH_WEB = Action(name="SEARCH_WEB", description="Searches the web", handler=search_web)


@pytest.mark.example("Run Tracking")
@pytest.mark.spec("R11", "R6", "P5")
async def test_run_tracking(runtime: AgentRuntime, message: Memory, room_id: UUID) -> None:
    runtime.register_action(SEARCH_WEB)
    responses = [{"room_id": room_id, "content": {"actions": ["SEARCH_WEB"]}}]
    state = await runtime.compose_state(message)

    # Start tracking a run
    run_id = runtime.start_run(room_id)

    try:
        # Process messages, actions execute within this run
        await runtime.process_actions(message, responses, state)

        # Get results from actions executed in this run
        results = runtime.get_action_results(message.id)
        assert runtime.get_current_run_id() == run_id

    finally:
        # Always end the run
        runtime.end_run()

    assert [each.action for each in results] == ["SEARCH_WEB"]
    assert runtime.get_current_run_id() != run_id
    assert runtime.create_run_id() != runtime.create_run_id()


@pytest.mark.example("Run Tracking (message service)")
@pytest.mark.spec("R11", "R6")
async def test_run_tracking_around_a_message(
    runtime: AgentRuntime, message: Memory, room_id: UUID, model_server: ScriptedModelServer
) -> None:
    runtime.register_action(SEARCH_WEB)
    model_server.script(Reply(text=None, tool_calls=[("SEARCH_WEB", {})]), Reply(text="Three pages."))

    async def callback(content: Content) -> list[Memory]:
        return []

    message_service = runtime.message_service
    # Start tracking a run
    run_id = runtime.start_run(room_id)

    try:
        # Process messages, actions execute within this run
        handled = await message_service.handle_message(runtime, message, callback)

        # Get results from actions executed in this run
        results = runtime.get_action_results(message.id)
    finally:
        # Always end the run
        runtime.end_run()

    assert handled.run_id == run_id
    assert [(each.action, each.data) for each in results] == [("SEARCH_WEB", {"pages": 3})]


@pytest.mark.example("Action Results")
@pytest.mark.spec("P4", "P5", "R6")
async def test_action_chaining(
    eliza_os: ElizaOS, runtime: AgentRuntime, message: Memory, model_server: ScriptedModelServer
) -> None:
    async def summarize(runtime: Context, message: Memory, *_: Any) -> str:
        # First action generates data
        results = runtime.get_action_results(message.id)

        # Second action uses results from first
        previous_data = next((r for r in results if r.action == "SEARCH_WEB"), None)
        if previous_data is not None and previous_data.success:
            # Use previous_data.data in next action
            return f"{previous_data.data['pages']} pages in short"
        return "nothing to sum up"

    runtime.register_action(SEARCH_WEB)
    runtime.register_action(Action(name="SUMMARIZE", description="Sums up", handler=summarize))
    model_server.script(
        Reply(text=None, tool_calls=[("SEARCH_WEB", {}), ("SUMMARIZE", {})]), Reply(text="Here you are.")
    )
    handled = await eliza_os.handle_message(runtime, message)
    assert handled.processing is not None
    assert (handled.processing.text, handled.processing.mode.value) == ("Here you are.", "actions")
    tools = [each["content"] for each in model_server.chats[1]["messages"] if each["role"] == "tool"]
    assert "3 pages in short" in tools[1]


@pytest.mark.example("Embedding Generation")
@pytest.mark.spec("R15")
async def test_embedding_generation(runtime: AgentRuntime, message: Memory, room_id: UUID) -> None:
    embedded: dict[UUID, asyncio.Event] = {}

    async def note(event: dict[str, Any]) -> None:
        embedded.setdefault(event["memory_id"], asyncio.Event()).set()

    runtime.on(EventType.EMBEDDING_GENERATION_COMPLETED, note)
    user_message, knowledge_doc, third = [
        runtime.as_message({"room_id": room_id, "content": {"text": text}}) for text in ("Who?", "A document", "Now")
    ]
    await runtime.create_memories([user_message, knowledge_doc, third])

    # Queue high-priority embedding for user query
    await runtime.queue_embedding_generation(user_message, "high")

    # Queue low-priority for background knowledge
    await runtime.queue_embedding_generation(knowledge_doc, "low")

    # Blocking - adds embedding at once
    with_embedding = await runtime.add_embedding_to_memory(third)

    assert with_embedding.embedding is not None
    assert len(with_embedding.embedding) == 256
    for queued in (user_message, knowledge_doc):
        await asyncio.wait_for(embedded.setdefault(queued.id, asyncio.Event()).wait(), 20)
        stored = await runtime.get_memory_by_id(queued.id)
        assert stored is not None
        assert stored.embedding is not None


@pytest.mark.example("Conversation Length")
@pytest.mark.spec("R16")
async def test_conversation_length(runtime: AgentRuntime) -> None:
    assert runtime.get_conversation_length() == 32
    short = AgentRuntime(character={"name": "Ada", "settings": {"conversation_length": 4}})
    assert short.get_conversation_length() == 4


class Speaker(Service):
    service_type = ServiceType.SPEECH

    @classmethod
    async def start(cls, runtime: Context) -> Service:
        return cls()

    async def stop(self) -> None:
        """Do nothing: no resource is open."""


class Singer(Speaker):
    name = "singer"


@pytest.mark.example("Service Management")
@pytest.mark.spec("R9")
@pytest.mark.parametrize("plugins", [[Plugin(name="speech", services=(Speaker, Singer))]], ids=["speech"])
async def test_service_management(runtime: AgentRuntime) -> None:
    # Wait for database service to be ready
    db_service = await runtime.get_service_load_promise(ServiceType.DATABASE)

    # Get all speech services
    speech_services = runtime.get_services_by_type(ServiceType.SPEECH)

    # Check available service types
    types = runtime.get_registered_service_types()
    # ["DATABASE", "SPEECH", "VIDEO", "TRANSCRIPTION", …]

    assert db_service is runtime.get_service("DATABASE")
    assert [type(each) for each in speech_services] == [Speaker, Singer]
    assert {"DATABASE", "EMBEDDING", "TASK", "SPEECH"} <= set(types)
    assert runtime.has_service("SPEECH")
    assert not runtime.has_service("VIDEO")
    assert runtime.get_all_services()["SPEECH"] == speech_services
    with pytest.raises(ServiceNotFound):
        runtime.get_service_load_promise(ServiceType.VIDEO)


@pytest.mark.spec("R9", "R17")
async def test_the_services_database_embedding_and_task_do_their_work(runtime: AgentRuntime) -> None:
    assert await runtime.get_service("DATABASE").is_healthy()
    [vector] = await runtime.get_service("EMBEDDING").embed(["Hello!"])
    assert len(vector) == 256
    tasks = runtime.get_service(ServiceType.TASK)
    once = await tasks.schedule({"name": "REMIND"})
    often = await tasks.schedule({"name": "WATCH", "tags": ["mine"]}, repeat_every_ms=60_000)
    assert [(each.id, each.tags, dict(each.metadata)) for each in await tasks.waiting()] == [
        (once, ("queue",), {}),
        (often, ("mine", "queue", "repeat"), {"update_interval": 60_000}),
    ]


@pytest.mark.example("ElizaOS Type Guard")
@pytest.mark.spec("O13")
async def test_eliza_os_type_guard(eliza_os: ElizaOS, runtime: AgentRuntime, message: Memory) -> None:
    [other_agent_id] = await eliza_os.add_agents([{"character": {"name": "Other"}}])

    handled = None
    if runtime.has_eliza_os():
        eliza: Any = runtime.eliza_os

        # Send message to another agent
        handled = await eliza.handle_message(
            other_agent_id,
            {
                "entity_id": message.entity_id,
                "room_id": message.room_id,
                "content": {"text": "Forwarded message", "source": "internal"},
            },
        )

    assert handled is not None
    assert handled.processing.text == "You said: Forwarded message"
    assert not AgentRuntime(character={"name": "Alone"}).has_eliza_os()


@pytest.mark.example("Connection Management")
@pytest.mark.spec("R12")
async def test_connection_management(runtime: AgentRuntime) -> None:
    discord_user_id, channel_room_id, server_world_id = uuid4(), uuid4(), uuid4()
    discord_channel_id = "998877"

    # Setup Discord server connection
    await runtime.ensure_connection(
        entity_id=discord_user_id,
        room_id=channel_room_id,
        user_name="user#1234",
        source="discord",
        channel_id=discord_channel_id,
        type=ChannelType.GROUP,
        world_id=server_world_id,
        metadata={"roles": ["member", "admin"]},
    )

    room = await runtime.get_room(channel_room_id)
    assert room is not None
    assert (room.world_id, room.channel_id, room.source) == (server_world_id, discord_channel_id, "discord")
    assert room.type is ChannelType.GROUP
    assert set(await runtime.get_participants_for_room(channel_room_id)) == {discord_user_id, runtime.agent_id}
    world = await runtime.get_world(server_world_id)
    assert world is not None
    assert world.metadata["roles"] == {str(discord_user_id): "ADMIN"}
    entity = await runtime.get_entity(discord_user_id)
    assert entity is not None
    assert entity.names == ("user#1234",)
    assert entity.metadata["discord"]["user_name"] == "user#1234"


@pytest.mark.spec("R12")
async def test_connecting_again_adds_what_is_new_and_keeps_the_rest(runtime: AgentRuntime) -> None:
    ada, bob, room_id, world_id = uuid4(), uuid4(), uuid4(), uuid4()

    async def connect(entity_id: UUID, **more: Any) -> None:
        where = {"room_id": room_id, "world_id": world_id, "source": "discord", "type": "GROUP"}
        await runtime.ensure_connection(entity_id=entity_id, **{**where, **more})

    await asyncio.gather(*(connect(ada, name="Ada", world_name="Engines") for _ in range(5)))
    await connect(ada, name="Ada", user_name="ada#1", metadata={"roles": ["OWNER"], "motd": "Hi"})
    await connect(bob, metadata={"roles": "helper"})
    world, entity = await runtime.get_world(world_id), await runtime.get_entity(ada)
    assert world is not None
    assert entity is not None
    assert (world.name, world.metadata["motd"]) == ("Engines", "Hi")
    assert world.metadata["roles"] == {str(ada): "OWNER", str(bob): "HELPER"}
    assert entity.names == ("Ada", "ada#1")
    assert len(await runtime.get_participants_for_room(room_id)) == 3
    with pytest.raises(InvalidInput, match="colour"):
        await connect(ada, colour="red")


@pytest.mark.example("Connection Management (batch)")
@pytest.mark.spec("R12")
async def test_all_entities_join_all_rooms(runtime: AgentRuntime) -> None:
    world = {"id": uuid4(), "name": "Server"}
    entities = [{"id": uuid4(), "names": [name]} for name in ("Ada", "Bob", "Cy")]
    rooms = [{"id": uuid4(), "name": name, "type": "GROUP"} for name in ("one", "two")]

    await runtime.ensure_connections(entities, rooms, "discord", world)
    await runtime.ensure_connections(entities, rooms, "discord", world)

    everyone = {each["id"] for each in entities} | {runtime.agent_id}
    for room in await runtime.get_rooms(world["id"]):  # type: ignore[arg-type]  # a UUID
        assert set(await runtime.get_participants_for_room(room.id)) == everyone
        assert room.source == "discord"
    with pytest.raises(InvalidInput, match="belongs to world"):
        await runtime.ensure_connections([], [{"id": uuid4(), "world_id": uuid4()}], "discord", world)


@pytest.mark.spec("R12")
async def test_world_room_and_participant_are_made_when_they_are_not_there(runtime: AgentRuntime) -> None:
    world_id, room_id, entity_id = uuid4(), uuid4(), uuid4()
    await runtime.ensure_world_exists({"id": world_id, "name": "First"})
    await runtime.ensure_world_exists({"id": world_id, "name": "Second"})
    await runtime.ensure_room_exists({"id": room_id, "world_id": world_id})
    await runtime.ensure_participant_in_room(entity_id, room_id)
    world = await runtime.get_world(world_id)
    assert world is not None
    assert world.name == "First"
    assert await runtime.get_participants_for_room(room_id) == [entity_id]


@pytest.mark.example("World Management")
@pytest.mark.spec("R12")
async def test_world_management(runtime: AgentRuntime) -> None:
    world_id = uuid4()
    await runtime.ensure_world_exists({"id": world_id, "name": "Server"})

    # Update world settings
    await runtime.update_world(
        {
            "id": world_id,
            "name": "Updated Server Name",
            "metadata": {"settings": {"allow_bots": True}, "features": ["voice", "threads"]},
        }
    )

    world = await runtime.get_world(world_id)
    assert world is not None
    assert (world.name, world.metadata["features"]) == ("Updated Server Name", ["voice", "threads"])


class Channel:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, text: str) -> None:
        self.sent.append(text)


@pytest.mark.example("Message Routing")
@pytest.mark.spec("R13")
async def test_message_routing(runtime: AgentRuntime, room_id: UUID) -> None:
    channels = {"123456": Channel()}

    # Register Discord message handler
    # Handler signature: (runtime, target, content) => None
    async def send(runtime: Context, target: TargetInfo, content: Content) -> None:
        channel = channels[str(target.channel_id)]
        await channel.send(content.text)

    runtime.register_send_handler("discord", send)

    # Send message to target
    await runtime.send_message_to_target(
        {"source": "discord", "channel_id": "123456", "room_id": room_id}, {"text": "Hello from agent!"}
    )

    assert channels["123456"].sent == ["Hello from agent!"]
    with pytest.raises(NoSendHandler, match="'telegram'; registered: discord"):
        await runtime.send_message_to_target({"source": "telegram"}, {"text": "Hello!"})
    with pytest.raises(InvalidInput, match=r"target\.source: is required"):
        await runtime.send_message_to_target({}, {"text": "Hello!"})
    with pytest.raises(KeyError):
        await runtime.send_message_to_target(TargetInfo(source="discord", channel_id="7"), {"text": "Hello!"})
