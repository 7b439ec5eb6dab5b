"""Choice of the job queue for a URL; the AWS client is loaded at first use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cache

from runtime_core.adapters.aws.redelivery import SqsRedelivery
from runtime_core.adapters.aws.sqs import SqsQueue
from runtime_core.ports import JobQueue, Redelivery
from runtime_core.support.shared import closing


@cache
def queue_opener(url: str) -> Callable[[], AbstractAsyncContextManager[JobQueue]]:
    """Make the function that opens the queue of a URL.

    Cached: `Shared` keys open resources by the function, so one URL has one queue.
    """
    return lambda: closing(SqsQueue(url))


@cache
def redelivery_opener() -> Callable[[], AbstractAsyncContextManager[Redelivery]]:
    """Make the function that opens the redelivery, which serves every queue.

    Cached, as `queue_opener`.
    """
    return lambda: closing(SqsRedelivery())
