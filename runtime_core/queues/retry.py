"""Retries of deliveries: sets how soon a queue delivers failed messages again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runtime_core.errors import DeadlineExceeded, QueueError
from runtime_core.wiring import redelivery_opener

if TYPE_CHECKING:
    from runtime_core.domain.jobs import QueueDelivery
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)


async def retry_deliveries(deployment: AgentHost, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
    """Set the seconds until the next delivery of each message.

    On failure it logs a warning, and the visibility timeout of the queue applies.
    """
    if not waits:
        return
    try:
        redelivery = await deployment.shared(redelivery_opener())
        await redelivery.retry_after(waits)
    except (QueueError, DeadlineExceeded) as error:
        log.warning("retry delay not set, the queue's visibility timeout applies", extra={"error_code": error.code})
