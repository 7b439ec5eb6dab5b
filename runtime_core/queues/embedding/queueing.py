"""Enqueues embedding jobs on the queue of their priority, in the background.

The memory's row is marked as wanting an embedding before its job is enqueued, so the sweep finds memories whose job was
lost.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runtime_core.domain.embedding_job import EmbeddingJob, Priority, content_hash
from runtime_core.domain.events import EventType
from runtime_core.domain.jobs import messages_of
from runtime_core.domain.memory import Memory
from runtime_core.errors import DeadlineExceeded, QueueError, RecordNotFound
from runtime_core.support import background
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context
    from runtime_core.settings import Settings

log = logging.getLogger(__name__)

STORED_AFTER_S = 2  # delay of a job that is sent while its memory is being stored, so that its reader finds the memory


def queue_url(settings: Settings, priority: Priority) -> str | None:
    """Return the URL of a priority's embedding queue, if set."""
    urls = {
        Priority.HIGH: settings.embed_queue_url_high,
        Priority.NORMAL: settings.embed_queue_url_normal,
        Priority.LOW: settings.embed_queue_url_low,
    }
    return urls[priority]


def make_embedding_job(memory: Memory, runtime: Context) -> EmbeddingJob:
    """Make the job to embed a memory."""
    return EmbeddingJob(agent_id=runtime.agent_id, memory_id=memory.id, content_hash=content_hash(memory.content.text))


async def enqueue_embedding(runtime: Context, memory: Memory, priority: Priority) -> None:
    """Enqueue the embedding of a stored memory.

    Does nothing for a memory with an embedding or without text.

    Raises:
        RecordNotFound: The memory was not stored.
    """
    if memory.embedding is not None or not memory.content.text.strip():
        return
    if not await runtime.database.embeddings.want(runtime.agent_id, [memory.id], priority):
        raise RecordNotFound(f"memory {memory.id} is not stored, so it cannot be embedded: store it first")
    await enqueue_embeddings(runtime, [memory], priority)


async def enqueue_embeddings(
    runtime: Context, memories: Sequence[Memory], priority: Priority, *, delay_s: int = 0
) -> None:
    """Enqueue embedding jobs for memories that are marked as wanting an embedding.

    Returns before the jobs are sent or embedded.

    Args:
        delay_s: Seconds before a queue delivers the jobs, for memories that are being stored.
    """
    jobs = [make_embedding_job(each, runtime) for each in memories if each.content.text.strip()]
    if not jobs or not runtime.embeds:
        return
    url, worker = queue_url(runtime.settings, priority), runtime.embedding_worker
    if url is not None:
        background.start(_send(runtime, url, jobs, delay_s), name="embedding queue", owner=runtime)
    elif worker is not None:
        await worker.put(jobs, priority)
    else:  # the sweep embeds them
        return
    for each in jobs:
        event = {"runtime": runtime, "memory_id": each.memory_id, "priority": str(priority)}
        await runtime.emit(EventType.EMBEDDING_GENERATION_REQUESTED, event)


async def _send(runtime: Context, url: str, jobs: Sequence[EmbeddingJob], delay_s: int) -> None:
    try:
        queue = await runtime.shared(queue_opener(url))
        await queue.send(messages_of(jobs, delay_s=delay_s))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("embeddings not enqueued, the sweep retries", extra={"jobs": len(jobs), "error_code": error.code})


@asynccontextmanager
async def enqueue_while_storing(
    runtime: Context, memories: Sequence[Memory], priority: Priority
) -> AsyncIterator[None]:
    """Enqueue embedding jobs around a store call.

    SQS is sent to concurrently with the store call, the in-process worker after it.
    """
    is_remote = queue_url(runtime.settings, priority) is not None
    if is_remote:
        await enqueue_embeddings(runtime, memories, priority, delay_s=STORED_AFTER_S)
    yield
    if not is_remote:
        await enqueue_embeddings(runtime, memories, priority)
