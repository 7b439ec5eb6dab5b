"""The quick starts of the documents."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from runtime_core import AgentRuntime, Character, Content, ElizaOS, Memory, get_openai_plugin
from runtime_core.domain.character import coerce_character
from tests.model_server import ScriptedModelServer


@pytest.mark.example("Quick Start with ElizaOS")
@pytest.mark.spec("O1", "O2", "O7", "C4", "R1")
async def test_quick_start_with_eliza_os(
    user_id: UUID, room_id: UUID, model_server: ScriptedModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # Create the orchestrator
    eliza_os = ElizaOS()

    # Add agents with character and plugins
    agent_ids = await eliza_os.add_agents(
        [
            {
                "character": {
                    "name": "Assistant",
                    "bio": ["A helpful AI assistant"],
                    "system": "You are a helpful assistant.",
                },
                "plugins": ["@elizaos/plugin-sql", "@elizaos/plugin-openai"],
            }
        ]
    )

    # Start all agents
    await eliza_os.start_agents()

    # Send a message and get response
    result = await eliza_os.handle_message(
        agent_ids[0], {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!", "source": "web"}}
    )

    assert result.processing is not None
    print(result.processing.text)

    assert capsys.readouterr().out == "You said: Hello!\n"
    assert result.message_id == result.user_message.id
    assert (result.user_message.agent_id, result.user_message.entity_id) == (agent_ids[0], user_id)
    assert result.user_message.created_at is not None
    assert (result.processing.mode.value, result.processing.did_respond) == ("simple", True)
    asked = model_server.chats[0]["messages"]
    assert "You are a helpful assistant." in asked[0]["content"]
    assert asked[-1] == {"role": "user", "content": "Hello!"}
    await eliza_os.stop_agents()


@pytest.mark.example("Quick Start (TypeScript)")
@pytest.mark.spec("R1", "R3", "C6")
async def test_quick_start_with_a_callback(user_id: UUID, room_id: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    # Create runtime with character and plugins
    runtime = AgentRuntime(
        character={
            "name": "Assistant",
            "bio": "A helpful AI assistant",
            "system": "You are a helpful assistant.",
        },
        plugins=["sql", "openai"],
    )

    # Initialize
    await runtime.initialize()

    # Handle messages
    async def callback(content: Content) -> list[Memory]:
        print(content.text)
        return []

    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    result = await runtime.message_service.handle_message(runtime, message, callback)  # type: ignore[arg-type]  # the runtime accepts a dict

    assert capsys.readouterr().out == "You said: Hello!\n"
    assert result.text == "You said: Hello!"
    await runtime.stop()


@pytest.mark.example("Quick Start (Python)")
@pytest.mark.spec("R1", "R3", "C1", "C6")
async def test_quick_start(user_id: UUID, room_id: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    # Create runtime with character and plugins
    runtime = AgentRuntime(
        character=Character(
            name="Assistant",
            bio="A helpful AI assistant",
            system="You are a helpful assistant.",
        ),
        plugins=[get_openai_plugin()],
    )

    # Initialize
    await runtime.initialize()

    # Handle messages
    message = runtime.as_message({"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}})
    result = await runtime.message_service.handle_message(runtime, message)
    assert result.response_content is not None
    print(result.response_content.text)

    assert capsys.readouterr().out == "You said: Hello!\n"
    assert runtime.character.paragraphs == ("A helpful AI assistant",)
    await runtime.stop()


@pytest.mark.example("API Comparison")
@pytest.mark.spec("R1", "R7", "R9")
async def test_api_comparison() -> None:
    runtime = AgentRuntime(character=Character(name="Assistant"))
    await runtime.initialize()
    assert await runtime.use_model("TEXT_LARGE", {"prompt": "Hello!"}) == "You said: Hello!"
    assert runtime.get_service("DATABASE") is not None
    await runtime.stop()


@pytest.mark.example("Quick Start (Rust)")
@pytest.mark.spec("C1", "C2")
async def test_quick_start_with_a_character_from_json(user_id: UUID, room_id: UUID) -> None:
    # Create runtime with character and plugins
    character = coerce_character(
        json.loads("""{
            "name": "Assistant",
            "bio": "A helpful AI assistant",
            "system": "You are a helpful assistant."
        }""")
    )

    runtime = AgentRuntime(character=character, plugins=[get_openai_plugin()])

    # Initialize
    await runtime.initialize()

    # Handle messages
    message = {"entity_id": user_id, "room_id": room_id, "content": {"text": "Hello!"}}
    result = await runtime.message_service.handle_message(runtime, runtime.as_message(message))

    assert result.text == "You said: Hello!"
    assert runtime.character.paragraphs == ("A helpful AI assistant",)
    await runtime.stop()
