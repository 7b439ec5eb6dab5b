"""Queueing: from a memory that wants an embedding to the queue of its priority, without anybody waiting for it.

The memory's row says that an embedding is wanted before anything is queued. What is lost on the way, the sweep finds.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runtime_core.agent.events import EventType
from runtime_core.domain.memory import Memory
from runtime_core.errors import DeadlineExceeded, QueueError, RecordNotFound
from runtime_core.queues.embedding.job import EmbeddingJob, Priority, content_hash
from runtime_core.queues.jobs import QueueMessage
from runtime_core.support import background
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime
    from runtime_core.settings import Settings

log = logging.getLogger(__name__)

STORED_AFTER_S = 2  # a job that goes out beside the storing of its memory must not be read before that


def queue_url(settings: Settings, priority: Priority) -> str | None:
    """The embedding queue of a priority; None where there is none."""
    urls = {
        Priority.HIGH: settings.embed_queue_url_high,
        Priority.NORMAL: settings.embed_queue_url_normal,
        Priority.LOW: settings.embed_queue_url_low,
    }
    return urls[priority]


def job_of(memory: Memory, runtime: AgentRuntime) -> EmbeddingJob:
    """The job to embed a memory."""
    return EmbeddingJob(agent_id=runtime.agent_id, memory_id=memory.id, content_hash=content_hash(memory.content.text))


def messages_of(jobs: Sequence[EmbeddingJob], *, delay_s: int = 0) -> list[QueueMessage]:
    """Jobs as a queue carries them, each agent's in a group of its own."""
    return [QueueMessage(body=each.body(), group=str(each.agent_id), delay_s=delay_s) for each in jobs]


async def queue_generation(runtime: AgentRuntime, memory: Memory, priority: Priority) -> None:
    """Let a stored memory be embedded in the background; one that has an embedding or no text needs none.

    Raises:
        RecordNotFound: It was not stored.
    """
    if memory.embedding is not None or not memory.content.text.strip():
        return
    if not await runtime.database.embeddings.want(runtime.agent_id, [memory.id], priority):
        raise RecordNotFound(f"no memory {memory.id}: an embedding is kept beside its memory, so store that first")
    await hand_out(runtime, [memory], priority)


async def hand_out(runtime: AgentRuntime, memories: Sequence[Memory], priority: Priority, *, delay_s: int = 0) -> None:
    """Send memories that are marked as wanting an embedding on their way; waits for no queue and no model.

    Args:
        delay_s: Not drained before: where the memories are stored at this very moment.
    """
    jobs = [job_of(each, runtime) for each in memories if each.content.text.strip()]
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


async def _send(runtime: AgentRuntime, url: str, jobs: Sequence[EmbeddingJob], delay_s: int) -> None:
    try:
        queue = await runtime.shared(queue_opener(url))
        await queue.send(messages_of(jobs, delay_s=delay_s))
    except (QueueError, DeadlineExceeded) as error:
        log.warning("embedding not queued, the sweep will find it", extra={"jobs": len(jobs), "error_code": error.code})


@asynccontextmanager
async def beside_storing(runtime: AgentRuntime, memories: Sequence[Memory], priority: Priority) -> AsyncIterator[None]:
    """Hand memories out while they are stored inside: a queue is sent to meanwhile, this process is told afterwards."""
    goes_out = queue_url(runtime.settings, priority) is not None
    if goes_out:
        await hand_out(runtime, memories, priority, delay_s=STORED_AFTER_S)
    yield
    if not goes_out:
        await hand_out(runtime, memories, priority)
