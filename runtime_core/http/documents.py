"""JSON documents of the responses, the source of the OpenAPI document."""

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
"""ISO 8601 text in the format of `MessageProcessingResult.as_json`."""


class AttachmentDocument(TypedDict):
    """Attachment of a message."""

    url: str
    title: str | None


class ContentDocument(TypedDict):
    """Content of a message."""

    text: str
    actions: list[str]
    attachments: list[AttachmentDocument]


class ResponseDocument(ContentDocument):
    """Stored message of the agent."""

    id: UUID
    created_at: Timestamp | None


class UsageDocument(TypedDict):
    """Tokens used by the turn's model calls; input includes cached tokens."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int


class ResultDocument(TypedDict):
    """Result of a message."""

    message_id: UUID
    run_id: UUID
    agent_id: UUID
    room_id: UUID
    text: Annotated[str, Field(description="Text of the agent's last response; empty if it did not respond.")]
    did_respond: bool
    mode: Literal["simple", "actions", "none"]
    responses: list[ResponseDocument]
    usage: UsageDocument
    replayed: Annotated[
        bool, Field(description="True if the message was answered before and this is the stored answer.")
    ]


class ChunkDocument(TypedDict):
    """Piece of text, streamed while the model generates it."""

    text: str


class RunErrorDocument(TypedDict):
    """Error of a run's last attempt."""

    type: str
    title: str
    retryable: Annotated[
        bool, Field(description="Whether the same message can succeed when it is sent or redelivered.")
    ]


class RunDocument(TypedDict):
    """Processing of one message by the agent."""

    id: UUID
    agent_id: UUID
    message_id: UUID
    room_id: UUID
    status: Literal["queued", "running", "completed", "failed"]
    attempt: Annotated[int, Field(ge=0, description="0 until the run starts.")]
    result: ResultDocument | None
    error: RunErrorDocument | None
    created_at: Timestamp | None
    ended_at: Timestamp | None


class RoomMessageDocument(ContentDocument):
    """Message of a room; `role` is `user` for every other entity."""

    id: UUID
    room_id: UUID
    entity_id: UUID
    role: Literal["agent", "user"]
    in_reply_to: UUID | None
    created_at: Timestamp


class RoomMessagesDocument(TypedDict):
    """Page of messages, newest first; the last has no `next_cursor` (null)."""

    messages: list[RoomMessageDocument]
    next_cursor: str | None


class FoundMessageDocument(RoomMessageDocument):
    """Message found by a search."""

    score: Annotated[float, Field(description="Higher is better; only the order is meaningful.")]


class FoundMessagesDocument(TypedDict):
    """Results of a search, best first."""

    messages: list[FoundMessageDocument]


class AgentDocument(TypedDict):
    """Agent of the deployment; the first in the list is the default."""

    id: UUID
    name: str
    username: str | None
    bio: list[str]
    topics: list[str]


class AgentsDocument(TypedDict):
    """Agents of the deployment."""

    agents: list[AgentDocument]


class HealthDocument(TypedDict):
    """Liveness of the process."""

    status: Literal["ok"]
    version: str


class CheckDocument(TypedDict):
    """Check of one dependency."""

    ok: bool
    detail: str


class ReadinessDocument(TypedDict):
    """Readiness to answer messages."""

    status: Literal["ready", "not ready"]
    checks: dict[str, CheckDocument]


ErrorDocument = TypedDict(
    "ErrorDocument",
    {"pointer": NotRequired[str], "parameter": NotRequired[str], "in": NotRequired[str], "detail": str},
)
"""Invalid field: a JSON pointer into the body, or a parameter's name and location (`in`)."""


class ProblemDocument(TypedDict):
    """Problem of a request (RFC 9457)."""

    type: Annotated[str, Field(description="Stable: urn:mayfly:problem:<code>.")]
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="URN of the request; the header X-Request-Id has the same id.")]
    errors: NotRequired[list[ErrorDocument]]


def content_document(content: Content) -> ContentDocument:
    """Build the public part of a content, without the agent's thought."""
    return {
        "text": content.text,
        "actions": list(content.actions),
        "attachments": [{"url": each.url, "title": each.title} for each in content.attachments],
    }


def room_message_document(memory: Memory, agent_id: UUID) -> RoomMessageDocument:
    """Build the document of a stored message."""
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
    """Build a `RunDocument`."""
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
    """Build the error of a run from its code.

    The message is omitted, since it may quote a model provider or a driver.
    """
    code = str(error.get("code", MayflyError.code))
    kinds = {each.code: each for each in _walk_tree(MayflyError)}
    return {
        "type": f"urn:mayfly:problem:{code}",
        "title": kind_of(kinds[code]).title if code in kinds else "Internal error",
        "retryable": code in kinds and kinds[code].retryable,
    }


def _walk_tree(base: type[MayflyError]) -> Iterable[type[MayflyError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _walk_tree(each)
