"""Reader of the inbox queue: answers each room's messages in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid, string_to_uuid
from runtime_core.domain.jobs import QueueDelivery
from runtime_core.domain.message_request import MessageRequest, parse_message_request
from runtime_core.errors import InvalidInput, MayflyError
from runtime_core.queues.acceptance import record_failure
from runtime_core.queues.retry import retry_deliveries

if TYPE_CHECKING:
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

# The queue's visibility timeout is minutes long, to outlast a crashed function; a room must not wait for it.
RETRY_S = 5.0
PERMANENT_FAILURE_S = 0.0  # the room continues only after the message is a dead letter


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """One message of the inbox queue.

    Attributes:
        delivery: Its body is a `MessageRequest` as JSON text.
        group: Message group: the room, as the sender names it.
    """

    delivery: QueueDelivery
    group: str

    def request(self, *, limit_bytes: int) -> MessageRequest:
        """Parse the message.

        A message without an id gets one derived from the delivery's id, so that a second delivery is a replay.

        Raises:
            InvalidInput: The body is not a message.
        """
        request = parse_message_request(self.delivery.body, limit_bytes=limit_bytes)
        changes: dict[str, Any] = {}
        if request.id is None:
            changes["id"] = string_to_uuid(f"inbox:{self.delivery.id}")
        if request.room_id is None and (room_id := parse_uuid(self.group)) is not None:
            changes["room_id"] = room_id
        return request.model_copy(update=changes) if changes else request


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRetry:
    """Unanswered message, and the seconds until its next delivery."""

    message: QueuedMessage
    after_s: float


async def answer_queued(deployment: AgentHost, messages: Sequence[QueuedMessage]) -> list[str]:
    """Answer a batch of the inbox queue.

    Returns:
        Ids of the deliveries to retry, in the order of the batch.
    """
    retries = await answer_in_order(messages, lambda each: _answer(deployment, each))
    waits = [(each.message.delivery, each.after_s) for each in retries if each.message.delivery.receipt]
    await retry_deliveries(deployment, waits)
    return [each.message.delivery.id for each in retries]


async def _answer(deployment: AgentHost, message: QueuedMessage) -> None:
    request = message.request(limit_bytes=deployment.settings.message_limit_bytes)
    try:
        await deployment.answer(request)
    except MayflyError as error:
        if not error.retryable:
            await record_failure(deployment, request, error)
        raise


async def answer_in_order(
    messages: Sequence[QueuedMessage], answer: Callable[[QueuedMessage], Awaitable[object]]
) -> list[MessageRetry]:
    """Answer the messages of each group in order, and the groups concurrently.

    A failure ends its group: the queue redelivers that message and those after it, in order.

    Returns:
        Retries of the unanswered messages, in the order of the batch.
    """
    groups: dict[str, list[QueuedMessage]] = {}
    for message in messages:
        groups.setdefault(message.group, []).append(message)
    found = await asyncio.gather(*(_answer_group(group, answer) for group in groups.values()))
    retries = {each.message.delivery.id: each for group in found for each in group}
    return [retries[message.delivery.id] for message in messages if message.delivery.id in retries]


async def _answer_group(
    group: Sequence[QueuedMessage], answer: Callable[[QueuedMessage], Awaitable[object]]
) -> list[MessageRetry]:
    """Answer a group; return the first failure and all messages after it."""
    for position, message in enumerate(group):
        try:
            await answer(message)
        except MayflyError as error:
            log.log(
                logging.WARNING if error.retryable else logging.ERROR,
                "queued message not answered: %s",
                _reason(error),
                extra={"record_id": message.delivery.id, "error_code": error.code},
            )
            after_s = (error.retry_after_s or RETRY_S) if error.retryable else PERMANENT_FAILURE_S
            return [MessageRetry(message=each, after_s=after_s) for each in group[position:]]
    return []


def _reason(error: MayflyError) -> str:
    """Describe an error for the log, without the message that `InvalidInput` quotes."""
    return f"invalid input at {error.path or 'the top level'}" if isinstance(error, InvalidInput) else str(error)
