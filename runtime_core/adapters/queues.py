"""Chooses the job queue by its URL; the cloud's client is loaded only when it is used."""

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
    """What opens the queue at a URL: the same function for the same URL, so that it is shared (`runtime.shared`)."""
    return lambda: closing(SqsQueue(url))


@cache
def redelivery_opener() -> Callable[[], AbstractAsyncContextManager[Redelivery]]:
    """What opens the redelivery of whatever queue; the same function each time, so that it is shared."""
    return lambda: closing(SqsRedelivery())
