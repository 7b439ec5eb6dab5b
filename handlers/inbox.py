"""Queued messages: an SQS FIFO queue whose message group is the room."""

from __future__ import annotations

from typing import Any

from handlers.environment import LambdaContext, environment
from runtime_core.adapters.aws.inbox import InboxRecord, answer_in_order, parse_records
from runtime_core.deployment import Deployment
from runtime_core.errors import MayflyError


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer queued messages; those that failed are reported with what follows in their room, so that only they return.

    Raises:
        InvalidInput: The event is none of a FIFO queue.
    """
    records = parse_records(event)

    async def answered(deployment: Deployment) -> list[str]:
        async def answer(record: InboxRecord) -> object:
            return await deployment.answer(record.request(limit_bytes=deployment.settings.message_limit_bytes))

        return await answer_in_order(records, answer)

    try:
        failed = environment.run(answered, context)
    except MayflyError:  # logged where it arose; the deployment does not open, so every record comes back
        failed = [record.id for record in records]
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in failed]}
