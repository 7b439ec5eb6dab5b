"""Queued messages: records of a FIFO queue, answered in order for each room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime_core.errors import DeadlineExceeded, InvalidInput, MayflyError
from runtime_core.ids import parse_uuid, string_to_uuid
from runtime_core.message_request import MessageRequest, parse_message_request

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRecord:
    """One record of the queue.

    Attributes:
        id: What a partial batch failure names.
        group: The message group: the room, in the sender's words.
        body: The message as JSON text (`MessageRequest`).
    """

    id: str
    group: str
    body: str

    def request(self, *, limit_bytes: int) -> MessageRequest:
        """The message; without an id it gets one from the record, so that a second delivery is the same message.

        Raises:
            InvalidInput: The body is no message.
        """
        request = parse_message_request(self.body, limit_bytes=limit_bytes)
        changes: dict[str, Any] = {}
        if request.id is None:
            changes["id"] = string_to_uuid(f"sqs:{self.id}")
        if request.room_id is None and (room_id := parse_uuid(self.group)) is not None:
            changes["room_id"] = room_id
        return request.model_copy(update=changes) if changes else request


def parse_records(event: Mapping[str, Any]) -> list[InboxRecord]:
    """The records of an SQS event, in order.

    Raises:
        InvalidInput: The event is none of a FIFO queue.
    """
    try:
        return [
            InboxRecord(id=each["messageId"], group=each["attributes"]["MessageGroupId"], body=each["body"])
            for each in event["Records"]
        ]
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"expected the records of an SQS FIFO queue, {error} is missing") from error


async def answer_in_order(
    records: Sequence[InboxRecord], answer: Callable[[InboxRecord], Awaitable[object]]
) -> list[str]:
    """Answer each group's records one after the other, the groups side by side.

    After a failure the rest of its group is not tried: the queue delivers them again, in order.

    Returns:
        Ids of the records that were not answered, in the order of the batch.
    """
    groups: dict[str, list[InboxRecord]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    failed = await asyncio.gather(*(_answer_group(group, answer) for group in groups.values()))
    left = {record.id for group in failed for record in group}
    return [record.id for record in records if record.id in left]


async def _answer_group(
    group: Sequence[InboxRecord], answer: Callable[[InboxRecord], Awaitable[object]]
) -> Sequence[InboxRecord]:
    """What is left of a group: the first record that failed, and all after it."""
    for position, record in enumerate(group):
        try:
            await answer(record)
        except MayflyError as error:
            level = logging.WARNING if error.retryable or isinstance(error, DeadlineExceeded) else logging.ERROR
            log.log(level, "queued message not answered: %s", error, extra={"record": record.id, "code": error.code})
            return group[position:]
    return ()
