"""A deployment of the shape the HTTP app uses, over dictionaries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from runtime_core.character import Character
from runtime_core.chat import OnDelta, Usage
from runtime_core.errors import AgentNotFound, MessageConflict
from runtime_core.ids import string_to_uuid
from runtime_core.memory import Content, Memory
from runtime_core.message_request import MessageRequest
from runtime_core.ports import MemoryFilter
from runtime_core.result import MessageProcessingResult, Mode, replayed, stored
from runtime_core.run import Run, RunStatus
from runtime_core.settings import Settings
from runtime_core.values import decode_json, encode_json

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class DoubleDeployment:
    settings: Settings = field(default_factory=Settings)
    failure: BaseException | None = None
    fail_after_deltas: bool = False
    ready: Mapping[str, Any] = field(default_factory=dict)
    runs: dict[UUID, Run] = field(default_factory=dict)
    bodies: dict[UUID, str] = field(default_factory=dict)
    stored: list[Memory] = field(default_factory=list)

    def __post_init__(self) -> None:
        character = Character(name="Ada", bio="Counts things.", topics=("numbers",))
        other = Character(name="Bob", bio=("One.", "Two."))
        self.agents: Any = tuple(SimpleNamespace(agent_id=each.agent_id, character=each) for each in (character, other))
        self.database = SimpleNamespace(turns=self, memories=self)

    async def get_run(self, run_id: UUID) -> Run | None:
        return self.runs.get(run_id)

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int) -> list[Memory]:
        mine = [each for each in self.stored if each.agent_id == agent_id and each.room_id in which.room_ids]
        mine.sort(key=lambda each: (each.created_at, each.id), reverse=True)
        return [each for each in mine if which.before is None or (each.created_at, each.id) < which.before][:limit]

    def agent_id(self, name_or_id: str | None) -> Any:
        for agent in self.agents:
            if name_or_id in (None, agent.character.name, str(agent.agent_id)):
                return agent.agent_id
        raise AgentNotFound(f"no agent is called {name_or_id!r}")

    async def readiness(self) -> Mapping[str, Any]:
        return self.ready

    async def answer(
        self,
        request: MessageRequest,
        *,
        on_delta: OnDelta | None = None,
        on_content: Callable[[Content], Awaitable[None]] | None = None,
    ) -> MessageProcessingResult:
        if self.failure and not self.fail_after_deltas:
            raise self.failure
        agent_id = self.agent_id(request.agent)
        message = request.memory(agent_id)
        run_id = string_to_uuid(f"run:{message.id}")
        body = encode_json(request)
        if run_id in self.runs:
            if self.bodies[run_id] != body:
                raise MessageConflict("this id was used with another body")
            return replayed(self.runs[run_id].result or {})
        content = Content(text=f"You said {message.content.text}")
        for word in ("You ", "said "):
            if on_delta:
                await on_delta(word)
        if self.failure:
            raise self.failure
        if on_content:
            await on_content(content)
        return self._kept(message, content, run_id, body)

    def _kept(self, message: Memory, content: Content, run_id: UUID, body: str) -> MessageProcessingResult:
        assert message.agent_id is not None
        now = START + timedelta(seconds=len(self.stored))
        answer = Memory(
            entity_id=message.agent_id,
            agent_id=message.agent_id,
            room_id=message.room_id,
            content=content,
            created_at=now + timedelta(milliseconds=1),
        )
        self.stored += [replace(message, created_at=now), answer]
        result = MessageProcessingResult(
            message_id=message.id,
            run_id=run_id,
            agent_id=message.agent_id,
            room_id=message.room_id,
            mode=Mode.SIMPLE,
            response_messages=(answer,),
            usage=Usage(input_tokens=3, output_tokens=2),
        )
        self.bodies[run_id] = body
        self.runs[run_id] = Run(
            id=run_id,
            agent_id=message.agent_id,
            message_id=message.id,
            room_id=message.room_id,
            status=RunStatus.COMPLETED,
            result=decode_json(dict, encode_json(stored(result))),
            created_at=now,
            ended_at=now,
        )
        return result
