"""Incoming messages: one schema for direct events, HTTP bodies and queue records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.values import check_plain, encode_json, invalid_input
from runtime_core.errors import InvalidInput, MessageTooLarge

ANONYMOUS = string_to_uuid("mayfly:anonymous")


class EntityInput(BaseModel):
    """The sender of a message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    name: str | None = Field(default=None, max_length=200)


class MessageRequest(BaseModel):
    """One message for one agent.

    `text` is short for `content: {"text": …}`; exactly one of the two is required. A repeated `id` replays
    the stored answer; without `id`, every request is a new message.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = Field(default=None, description="What the message says; short for `content.text`.")
    content: Content | None = Field(default=None, description="The message with everything that comes with it.")
    id: UUID | None = Field(default=None, description="Names the message: the same id is answered once.")
    agent: str | None = Field(default=None, description="Name or id of the agent; the deployment's first by default.")
    room_id: UUID | None = Field(default=None, description="The conversation; by default one between sender and agent.")
    entity: EntityInput | None = Field(default=None, description="The sender; anonymous by default.")
    world_id: UUID | None = Field(default=None, description="What the room belongs to, when it is opened.")

    @model_validator(mode="after")
    def _check_content(self) -> MessageRequest:
        if (self.text is None) == (self.content is None):
            raise ValueError("give either text or content")
        content = self.message_content
        if not content.text.strip() and not content.attachments:
            raise ValueError("the message says nothing: text is empty and there is no attachment")
        return self

    @property
    def message_content(self) -> Content:
        """The content, built from `text` if that was given."""
        return self.content if self.content is not None else Content(text=self.text or "")

    def memory(self, agent_id: UUID) -> Memory:
        """Build the agent's memory of the message, with defaults filled in."""
        content = self.message_content
        entity_id = self.entity.id if self.entity else ANONYMOUS
        return Memory(
            id=self.id or uuid4(),
            agent_id=agent_id,
            entity_id=entity_id,
            room_id=self.room_id or string_to_uuid(f"{agent_id}:{entity_id}"),
            world_id=self.world_id,
            content=content,
            metadata={"entity_name": self.entity.name} if self.entity and self.entity.name else {},
        )


def parse_message_request(value: object, *, limit_bytes: int) -> MessageRequest:
    """Parse and validate a message from JSON or a parsed event.

    Raises:
        InvalidInput: Not UTF-8, not JSON, nested too deeply, or a field is missing, unknown or malformed; names it.
        MessageTooLarge: The text, or the other fields together, exceed `limit_bytes`.
    """
    if isinstance(value, bytes | str):
        value = _parse_json(value)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected a JSON object with the message, got a {_json_kind(value)}")
    given = cast("Mapping[str, Any]", value)
    check_plain(given, path="", depth=1)
    try:
        request = MessageRequest.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error, name="") from error
    content = request.message_content
    _check_size(len(content.text.encode()), limit_bytes, "text")
    _check_size(len(encode_json(given)) - len(encode_json(content.text)), limit_bytes, "the message without its text")
    return request


def _check_size(size_bytes: int, limit_bytes: int, what: str) -> None:
    if size_bytes > limit_bytes:
        raise MessageTooLarge(
            f"{what} has {size_bytes:,} bytes, over the limit of {limit_bytes:,} (MESSAGE_LIMIT_BYTES)"
        )


def _parse_json(text: bytes | str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if isinstance(text, bytes):
            try:
                text.decode()
            except UnicodeDecodeError as undecodable:
                raise InvalidInput(f"the body is not UTF-8 (byte {undecodable.start})") from error
        raise InvalidInput(f"the body is not JSON: {error}") from error


def _json_kind(value: object) -> str:
    kinds: Mapping[type, str] = {
        list: "list",
        tuple: "list",
        str: "string",
        bool: "boolean",
        int: "number",
        float: "number",
    }
    return kinds.get(type(value), "null" if value is None else type(value).__name__)
