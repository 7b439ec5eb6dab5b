"""The message service: processes messages, and deletes them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from runtime_core.domain.memory import Memory
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import InvalidInput
from runtime_core.recall.recall_task import RecallTask, recall_mode
from runtime_core.rooms.deletion import clear_channel, delete_message
from runtime_core.support.deadline import Deadline, current_deadline, deadline
from runtime_core.support.scope import turn_scope
from runtime_core.turn.turn import take_turn
from runtime_core.turn.value import DEFAULT_OPTIONS, OnContent, Turn, TurnOptions, TurnRuntime


class MessageService(Protocol):
    """Processes messages; a plugin may put another in place of `TurnService`."""

    async def handle_message(
        self,
        runtime: TurnRuntime,
        message: Memory,
        callback: OnContent | None = None,
        *,
        options: TurnOptions = DEFAULT_OPTIONS,
    ) -> MessageProcessingResult:
        """Process one message; `callback` is awaited with each content as it comes."""

    async def delete_message(self, runtime: TurnRuntime, message_id: UUID) -> bool:
        """Delete a message and emit `MESSAGE_DELETED`; returns whether it existed."""

    async def clear_channel(self, runtime: TurnRuntime, room_id: UUID) -> int:
        """Delete a room's messages and emit `CHANNEL_CLEARED`; returns how many there were."""


class TurnService:
    """Takes each message through one turn."""

    async def handle_message(
        self,
        runtime: TurnRuntime,
        message: Memory,
        callback: OnContent | None = None,
        *,
        options: TurnOptions = DEFAULT_OPTIONS,
    ) -> MessageProcessingResult:
        """Process one message once: the same id again gets the stored answer.

        Raises:
            InvalidInput: The message has neither text nor an attachment.
            TurnInProgress: Another invocation is answering it.
            MessageConflict: Its id was used with another body.
            RoomOfAnotherAgent: And `options.may_join` is False.
            ModelError, StoreError, DeadlineExceeded: The turn failed; the message is stored, and its
                next delivery resumes.
        """
        given = message if isinstance(message, Memory) else runtime.as_message(message)
        message = replace(given, agent_id=runtime.agent_id)
        if not message.content.text.strip() and not message.content.attachments:
            raise InvalidInput("the message says nothing: text is empty and there is no attachment", path="content")
        outer = current_deadline()
        bound = deadline(Deadline.after(options.timeout_s)) if options.timeout_s else nullcontext()
        with turn_scope(runtime.agent_id, message.room_id) as scope, bound:
            scope.run_id = options.run_id or scope.run_id
            recall = scope.recall_task = RecallTask(runtime, message, recall_mode(runtime))
            turn = Turn(
                runtime=runtime,
                message=message,
                scope=scope,
                recall=recall,
                options=options,
                callback=callback,
                outer_deadline=outer,
            )
            return await take_turn(turn)

    async def delete_message(self, runtime: TurnRuntime, message_id: UUID) -> bool:
        """Delete a message and emit `MESSAGE_DELETED`; returns whether it existed."""
        return await delete_message(runtime, message_id)

    async def clear_channel(self, runtime: TurnRuntime, room_id: UUID) -> int:
        """Delete a room's messages and emit `CHANNEL_CLEARED`; returns how many there were."""
        return await clear_channel(runtime, room_id)
