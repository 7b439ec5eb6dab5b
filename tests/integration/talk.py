"""Conversation with an agent, with scripted models and no model provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from runtime_core.domain.chat import ChatMessage, ModelType, TextResponse, ToolCall
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.run import ActionResult
from runtime_core.domain.values import encode_json
from runtime_core.domain.world import ChannelType, Entity, Participant, Room, World
from runtime_core.plugin_api import Plugin
from runtime_core.ports import DatabaseAdapter
from runtime_core.runtime.runtime import AgentRuntime


def calling(*calls: tuple[str, Mapping[str, Any]], text: str = "") -> TextResponse:
    """Return a model's answer that calls actions."""
    made = tuple(
        ToolCall(id=f"call-{n}", name=name, arguments=encode_json(given)) for n, (name, given) in enumerate(calls)
    )
    return TextResponse(text=text, tool_calls=made)


@dataclass
class Talk:
    """Agent in a room of a world, with people.

    Attributes:
        answers: Next answers of the large model, in order; "Fine." after the last.
        verdicts: Next answers of the small model.
        asked: Requests to the large model.
    """

    database: DatabaseAdapter
    channel: ChannelType = ChannelType.GROUP
    answers: list[TextResponse | str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    asked_small: list[Mapping[str, Any]] = field(default_factory=list)
    room_id: UUID = field(default_factory=uuid4)
    world_id: UUID = field(default_factory=uuid4)
    sender_id: UUID = field(default_factory=uuid4)
    runtime: AgentRuntime = field(init=False)

    async def open(
        self,
        *,
        plugins: Sequence[Plugin] = (),
        settings: Mapping[str, Any] | None = None,
        models: Mapping[str, Callable[..., Any]] | None = None,
        world: Mapping[str, Any] | None = None,
        **character: Any,
    ) -> AgentRuntime:
        """Open the runtime and the room; the world's metadata may hold roles and settings."""
        told = Plugin(
            name="told",
            models={ModelType.TEXT_LARGE: self._large, ModelType.TEXT_SMALL: self._small, **(models or {})},
        )
        self.runtime = AgentRuntime(
            character={"name": "Ada", **character}, plugins=[told, *plugins], adapter=self.database, settings=settings
        )
        await self.runtime.initialize(skip_migrations=True)
        await self.database.records.insert(
            self.runtime.agent_id,
            [
                World(id=self.world_id, name="Pottery", metadata=world or {}),
                Room(id=self.room_id, world_id=self.world_id, type=self.channel, name="kiln"),
                Entity(id=self.sender_id, names=("Grace",)),
                Entity(id=self.runtime.agent_id, names=("Ada",)),
                Participant(room_id=self.room_id, entity_id=self.sender_id),
                Participant(room_id=self.room_id, entity_id=self.runtime.agent_id),
            ],
        )
        return self.runtime

    async def join(self, name: str) -> UUID:
        """Add another person to the room."""
        entity = Entity(id=uuid4(), names=(name,))
        participant = Participant(room_id=self.room_id, entity_id=entity.id)
        await self.database.records.insert(self.runtime.agent_id, [entity, participant])
        return entity.id

    async def say(self, text: str = "Ada, please", **content: Any) -> MessageProcessingResult:
        """Send a message to the agent."""
        entity_id = content.pop("entity_id", self.sender_id)
        message = Memory(
            entity_id=entity_id, room_id=self.room_id, world_id=self.world_id, content=Content(text=text, **content)
        )
        return await self.runtime.message_service.handle_message(self.runtime, message)

    async def act(self, name: str, said: str = "Ada, please", /, **params: Any) -> ActionResult:
        """Let the model call one action on a message, and return the result."""
        self.answers[:0] = [calling((name, params))]
        before = len(self.asked)
        result = await self.say(said)
        assert result.state is not None
        results: tuple[ActionResult, ...] = result.state.data["action_results"]
        assert len(self.asked) > before
        return results[-1]

    @property
    def offered(self) -> list[str]:
        """Tool names in the latest request."""
        return [each.name for each in self.asked[-1].get("tools", ())]

    @property
    def system(self) -> str:
        """System text of the latest request."""
        return self.messages[0].text

    @property
    def messages(self) -> Sequence[ChatMessage]:
        messages: Sequence[ChatMessage] = self.asked[-1]["messages"]
        return messages

    async def _large(self, _runtime: Any, params: Mapping[str, Any]) -> TextResponse:
        self.asked.append(dict(params))
        answer = self.answers.pop(0) if self.answers else "Fine."
        response = TextResponse(text=answer) if isinstance(answer, str) else answer
        if "on_delta" in params:
            for piece in [response.text[n : n + 3] for n in range(0, len(response.text), 3)]:
                await params["on_delta"](piece)
        return response

    async def _small(self, _runtime: Any, params: Mapping[str, Any]) -> TextResponse:
        self.asked_small.append(dict(params))
        return TextResponse(text=self.verdicts.pop(0))
