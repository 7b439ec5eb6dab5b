"""The JSON documents that answers are made of; the OpenAPI document is generated from these types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NotRequired, TypeAlias
from uuid import UUID

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict  # pydantic reads the standard library's from Python 3.12 only

from runtime_core import errors
from runtime_core.domain.memory import Content, Memory, required_created_at
from runtime_core.domain.result import load_result
from runtime_core.domain.run import Run
from runtime_core.errors import MayflyError
from runtime_core.http.problems import kind_of

Timestamp: TypeAlias = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""Written as `MessageProcessingResult.as_json` writes it, so that one time is one text everywhere."""


class AttachmentDocument(TypedDict):
    """Something that comes with a message."""

    url: str
    title: str | None


class ContentDocument(TypedDict):
    """What the agent says, as it says it."""

    text: str
    actions: list[str]
    attachments: list[AttachmentDocument]


class ResponseDocument(ContentDocument):
    """One message of the agent, as stored."""

    id: UUID
    created_at: Timestamp | None


class UsageDocument(TypedDict):
    """Tokens that the turn's model calls took; the cached ones are part of the input."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int


class ResultDocument(TypedDict):
    """What a message came to."""

    message_id: UUID
    run_id: UUID
    agent_id: UUID
    room_id: UUID
    text: Annotated[str, Field(description="What the agent said last; empty when it did not respond.")]
    did_respond: bool
    mode: Literal["simple", "actions", "none"]
    responses: list[ResponseDocument]
    usage: UsageDocument
    replayed: Annotated[bool, Field(description="The message was answered before; this is the stored answer.")]


class ChunkDocument(TypedDict):
    """A piece of text, as the model writes it."""

    text: str


class RunErrorDocument(TypedDict):
    """Why the last attempt failed."""

    type: str
    title: str
    retryable: Annotated[bool, Field(description="The same message can succeed when it is sent, or delivered, again.")]


class RunDocument(TypedDict):
    """One message's way through the agent."""

    id: UUID
    agent_id: UUID
    message_id: UUID
    room_id: UUID
    status: Literal["queued", "running", "completed", "failed"]
    attempt: Annotated[int, Field(ge=0, description="0 until it begins.")]
    result: ResultDocument | None
    error: RunErrorDocument | None
    created_at: Timestamp | None
    ended_at: Timestamp | None


class RoomMessageDocument(ContentDocument):
    """One message of a room; `role` says whether the agent or somebody else said it."""

    id: UUID
    room_id: UUID
    entity_id: UUID
    role: Literal["agent", "user"]
    in_reply_to: UUID | None
    created_at: Timestamp


class RoomMessagesDocument(TypedDict):
    """A page of a room's messages, newest first; `next_cursor` is null on the last page."""

    messages: list[RoomMessageDocument]
    next_cursor: str | None


class FoundMessageDocument(RoomMessageDocument):
    """A message that a search found."""

    score: Annotated[float, Field(description="Higher is better; only the order carries meaning.")]


class FoundMessagesDocument(TypedDict):
    """What a search found, best first."""

    messages: list[FoundMessageDocument]


class AgentDocument(TypedDict):
    """An agent of this deployment; the first one answers messages that name none."""

    id: UUID
    name: str
    username: str | None
    bio: list[str]
    topics: list[str]


class AgentsDocument(TypedDict):
    """The agents of this deployment."""

    agents: list[AgentDocument]


class HealthDocument(TypedDict):
    """The process answers."""

    status: Literal["ok"]
    version: str


class CheckDocument(TypedDict):
    """One thing that answering a message needs."""

    ok: bool
    detail: str


class ReadinessDocument(TypedDict):
    """Whether a message would be answered now."""

    status: Literal["ready", "not ready"]
    checks: dict[str, CheckDocument]


ErrorDocument = TypedDict(
    "ErrorDocument",
    {"pointer": NotRequired[str], "parameter": NotRequired[str], "in": NotRequired[str], "detail": str},
)
"""One wrong field: a pointer into the body, or a parameter and where it stands."""


class ProblemDocument(TypedDict):
    """Why a request was not answered (RFC 9457)."""

    type: Annotated[str, Field(description="Stable: urn:mayfly:problem:<code>.")]
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="Names the request; its id is in the header X-Request-Id too.")]
    errors: NotRequired[list[ErrorDocument]]


def content_document(content: Content) -> ContentDocument:
    """What of a content is for the reader: never the agent's thought."""
    return {
        "text": content.text,
        "actions": list(content.actions),
        "attachments": [{"url": each.url, "title": each.title} for each in content.attachments],
    }


def room_message_document(memory: Memory, agent_id: UUID) -> RoomMessageDocument:
    """A stored message, for those who read the room."""
    return {
        "id": memory.id,
        "room_id": memory.room_id,
        "entity_id": memory.entity_id,
        "role": "agent" if memory.entity_id == agent_id else "user",
        "in_reply_to": memory.content.in_reply_to,
        "created_at": required_created_at(memory).isoformat(),
        **content_document(memory.content),
    }


def run_document(run: Run) -> dict[str, object]:
    """A run, for those who wait for it; the document is a `RunDocument`."""
    return {
        "id": run.id,
        "agent_id": run.agent_id,
        "message_id": run.message_id,
        "room_id": run.room_id,
        "status": run.status.value,
        "attempt": run.attempt,
        "result": {**load_result(run.result).as_json(), "replayed": False} if run.result else None,
        "error": _run_error(run.error) if run.error else None,
        "created_at": run.created_at.isoformat() if run.created_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }


def _run_error(error: Mapping[str, object]) -> RunErrorDocument:
    """Only the kind of the error: its text may be a provider's or a driver's."""
    code = str(error.get("code", MayflyError.code))
    kinds = {each.code: each for each in _tree(MayflyError)}
    return {
        "type": f"urn:mayfly:problem:{code}",
        "title": kind_of(kinds[code]).title if code in kinds else "Internal error",
        "retryable": code in kinds and kinds[code].retryable,
    }


def _tree(base: type[MayflyError]) -> Iterable[type[MayflyError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _tree(each)
