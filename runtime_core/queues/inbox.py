"""Queued messages: answered in order for each room, and what failed given back with a wait that fits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid, string_to_uuid
from runtime_core.domain.message_request import MessageRequest, parse_message_request
from runtime_core.errors import DeadlineExceeded, InvalidInput, MayflyError, QueueError
from runtime_core.queues.acceptance import note_given_up
from runtime_core.queues.jobs import Delivery
from runtime_core.wiring import redelivery_opener

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

log = logging.getLogger(__name__)

# A queue's own wait is minutes long, for the sake of a function that died; a room should not stand still for that.
RETRY_S = 5.0
HOPELESS_S = 0.0  # the sooner it lies with the dead letters, the sooner its room goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """One message of the inbox.

    Attributes:
        delivery: Its body is the message as JSON text (`MessageRequest`).
        group: The message group: the room, in the sender's words.
    """

    delivery: Delivery
    group: str

    def request(self, *, limit_bytes: int) -> MessageRequest:
        """The message; without an id it gets one from its delivery, so that a second delivery is the same message.

        Raises:
            InvalidInput: The body is no message.
        """
        request = parse_message_request(self.delivery.body, limit_bytes=limit_bytes)
        changes: dict[str, Any] = {}
        if request.id is None:
            changes["id"] = string_to_uuid(f"inbox:{self.delivery.id}")
        if request.room_id is None and (room_id := parse_uuid(self.group)) is not None:
            changes["room_id"] = room_id
        return request.model_copy(update=changes) if changes else request


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A message that was not answered, and after how many seconds it is worth another delivery."""

    message: QueuedMessage
    after_s: float


async def answer_queued(deployment: Deployment, messages: Sequence[QueuedMessage]) -> list[str]:
    """Answer a batch of the inbox.

    Returns:
        Ids of the deliveries that are to be handed out again, in the order of the batch.
    """
    left = await answer_in_order(messages, lambda each: _answer(deployment, each))
    if left:
        await _hold_back(deployment, left)
    return [each.message.delivery.id for each in left]


async def _answer(deployment: Deployment, message: QueuedMessage) -> None:
    request = message.request(limit_bytes=deployment.settings.message_limit_bytes)
    try:
        await deployment.answer(request)
    except MayflyError as error:
        if not error.retryable:
            await note_given_up(deployment, request, error)
        raise


async def answer_in_order(
    messages: Sequence[QueuedMessage], answer: Callable[[QueuedMessage], Awaitable[object]]
) -> list[Left]:
    """Answer each group's messages one after the other, the groups side by side.

    After a failure the rest of its group is not tried: the queue delivers them again, in order.

    Returns:
        What was not answered, in the order of the batch.
    """
    groups: dict[str, list[QueuedMessage]] = {}
    for message in messages:
        groups.setdefault(message.group, []).append(message)
    found = await asyncio.gather(*(_answer_group(group, answer) for group in groups.values()))
    left = {each.message.delivery.id: each for group in found for each in group}
    return [left[message.delivery.id] for message in messages if message.delivery.id in left]


async def _answer_group(
    group: Sequence[QueuedMessage], answer: Callable[[QueuedMessage], Awaitable[object]]
) -> list[Left]:
    """What is left of a group: the first message that failed, and all after it."""
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
            after_s = (error.retry_after_s or RETRY_S) if error.retryable else HOPELESS_S
            return [Left(message=each, after_s=after_s) for each in group[position:]]
    return []


def _reason(error: MayflyError) -> str:
    """For the log, which never quotes a message, as errors about wrong input do."""
    return f"wrong input at {error.path or 'its beginning'}" if isinstance(error, InvalidInput) else str(error)


async def _hold_back(deployment: Deployment, left: Sequence[Left]) -> None:
    """Let the queue hand them out after the wait that fits, not after its own; where it fails, its own will do."""
    waits = [(each.message.delivery, each.after_s) for each in left if each.message.delivery.receipt]
    try:
        redelivery = await deployment.shared(redelivery_opener())
        await redelivery.hold_back(waits)
    except (QueueError, DeadlineExceeded) as error:
        log.warning("deliveries wait as long as the queue says", extra={"error_code": error.code})
