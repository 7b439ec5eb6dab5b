"""ChatRoom of a person with one agent in the terminal."""

from __future__ import annotations

from uuid import UUID, uuid4

from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.chat import OnDelta
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Memory
from runtime_core.domain.message_request import EntityInput, parse_message_request
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.world import ChannelType
from runtime_core.ports import MemoryFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRoom:
    """Room of one person and one agent."""

    deployment: Deployment
    agent_id: UUID
    room_id: UUID
    person: EntityInput

    @classmethod
    def with_agent(cls, deployment: Deployment, *, agent: str | None, room: str | None, name: str | None) -> ChatRoom:
        """Open a conversation.

        Args:
            agent: Name or id; the deployment's first agent by default.
            room: Id or name; by default the permanent room of this person and agent.
            name: The person's name, which also identifies the person.

        Raises:
            AgentNotFound: No agent of the deployment has that name or id.
        """
        agent_id = deployment.agent_id(agent)
        person = EntityInput(id=string_to_uuid(f"mayfly:terminal:{name or ''}"), name=name)
        room_id = string_to_uuid(room or f"mayfly:terminal:{agent_id}:{person.id}")
        return cls(deployment=deployment, agent_id=agent_id, room_id=room_id, person=person)

    def in_new_room(self) -> ChatRoom:
        """Return a conversation of the same two in a new room."""
        return ChatRoom(deployment=self.deployment, agent_id=self.agent_id, room_id=uuid4(), person=self.person)

    @property
    def agent_name(self) -> str:
        return self.deployment.character(self.agent_id).name

    async def say(self, text: str, *, on_delta: OnDelta | None = None) -> MessageProcessingResult:
        """Send a message and wait for the answer.

        Raises:
            InvalidInput: The text is not valid.
            MayflyError: As in `Deployment.answer`.
        """
        message = {
            "id": str(uuid4()),
            "content": {"text": text, "source": "terminal", "channel_type": ChannelType.DM.value},
            "agent": str(self.agent_id),
            "room_id": str(self.room_id),
            "entity": {"id": str(self.person.id), "name": self.person.name},
        }
        request = parse_message_request(message, limit_bytes=self.deployment.settings.message_limit_bytes)
        return await self.deployment.answer(request, on_delta=on_delta)

    async def count(self) -> int:
        """Count the room's messages."""
        return await self.deployment.database.memories.count(self.agent_id, self._messages)

    async def newest(self, limit: int) -> list[Memory]:
        """Return the newest messages of the room, in chronological order."""
        found = await self.deployment.database.memories.find(self.agent_id, self._messages, limit=limit)
        return found[::-1]

    @property
    def _messages(self) -> MemoryFilter:
        return MemoryFilter(room_ids=(self.room_id,))
