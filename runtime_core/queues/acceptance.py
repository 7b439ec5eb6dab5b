"""Messages to answer later, over the inbox queue or in the background.

The store has no run for such a message until its turn begins. Until then a receipt in the agent's cache says that the
message is queued, or why it failed before its turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import AwareDatetime

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.jobs import QueueMessage
from runtime_core.domain.memory import Memory
from runtime_core.domain.message_request import EntityInput, MessageRequest
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.run import Run, RunStatus, run_id_of
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import MayflyError, MessageTooLarge, SettingsError
from runtime_core.support import background
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.queues.host import AgentHost

log = logging.getLogger(__name__)

RECEIPT_TTL = timedelta(days=14)  # the longest retention of a message on SQS
QUEUE_LIMIT_BYTES = 256 * 1024  # SQS's limit of one message


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedReceipt:
    """Receipt of a message that is queued, or failed before its turn.

    Attributes:
        error: As in `Run`.
    """

    run_id: UUID
    agent_id: UUID
    message_id: UUID
    room_id: UUID
    entity_id: UUID
    accepted_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    error: dict[str, Any] | None = None

    @property
    def run(self) -> Run:
        """The run that will answer the message: queued, or failed."""
        return Run(
            id=self.run_id,
            agent_id=self.agent_id,
            message_id=self.message_id,
            room_id=self.room_id,
            status=RunStatus.FAILED if self.error else RunStatus.QUEUED,
            attempt=0,
            error=self.error,
            created_at=self.accepted_at,
            ended_at=self.ended_at,
        )


async def enqueue_message(deployment: AgentHost, request: MessageRequest) -> Run | MessageProcessingResult:
    """Enqueue a message on `INBOX_QUEUE_URL`, or answer it in the background.

    Returns:
        The current run, or the stored result of a message that was answered before.

    Raises:
        SettingsError: `INBOX_QUEUE_URL` is not set on Lambda, where a frozen process answers nothing.
        AgentNotFound: The request names an agent that does not run here.
        MessageTooLarge: The message exceeds the limit of the queue.
        MessageConflict: The id was used with another body.
        QueueError, StoreUnavailable: The message was not enqueued; safe to send again.
    """
    if deployment.settings.inbox_queue_url is None and deployment.settings.on_lambda:
        raise SettingsError(
            "INBOX_QUEUE_URL is not set: on Lambda, set it to answer messages later",
            name="INBOX_QUEUE_URL",
        )
    agent_id = deployment.agent_id(request.agent)
    message = request.memory(agent_id)
    # Message before run: a turn that begins between the two reads has stored both.
    was_seen = bool(await deployment.database.memories.get(agent_id, [message.id]))
    run = await deployment.database.turns.get_run(run_id_of(message))
    if run is not None and _is_held(run):
        return run
    if run.status is RunStatus.COMPLETED if run is not None else was_seen:
        return await deployment.answer(request)  # replays the stored answer or its error
    receipt = QueuedReceipt(
        run_id=run_id_of(message),
        agent_id=agent_id,
        message_id=message.id,
        room_id=message.room_id,
        entity_id=message.entity_id,
        accepted_at=datetime.now(UTC),
    )
    complete = _fill_in(request, message, agent_id)
    if deployment.settings.inbox_queue_url is None:
        await _store_receipt(deployment, receipt)
        (await deployment.shared(_rooms)).start_answer(deployment, complete, receipt.room_id)
    else:
        await _send(deployment, deployment.settings.inbox_queue_url, complete, receipt, run)
    return receipt.run


async def find_receipt(deployment: AgentHost, run_id: UUID) -> QueuedReceipt | None:
    """Find the receipt of a run among all agents.

    Returns:
        None if no message was queued under this id.
    """
    for agent in deployment.agents:
        found = await _load_receipt(deployment, agent.agent_id, run_id)
        if found is not None:
            return found
    return None


async def record_failure(deployment: AgentHost, request: MessageRequest, error: MayflyError) -> None:
    """Store the error of a message that failed before its turn.

    After the turn began, the run itself has the error.
    """
    try:
        agent_id = deployment.agent_id(request.agent)
        receipt = await _load_receipt(deployment, agent_id, run_id_of(request.memory(agent_id)))
        if receipt is not None:
            await _store_receipt(deployment, replace(receipt, error=error.as_json(), ended_at=datetime.now(UTC)))
    except MayflyError as second:  # the run is then reported as queued
        log.warning("failure of a queued message not stored", extra={"error_code": second.code})


def _is_held(run: Run) -> bool:
    held_until = run.lease_until if run.status is RunStatus.RUNNING else None
    return held_until is not None and held_until > datetime.now(UTC)


def _fill_in(request: MessageRequest, message: Memory, agent_id: UUID) -> MessageRequest:
    """Fill in the request's defaults.

    Each reader then sees the same message.
    """
    entity = request.entity or EntityInput(id=message.entity_id)
    given = {"id": message.id, "agent": str(agent_id), "room_id": message.room_id, "entity": entity}
    return request.model_copy(update=given)


async def _send(
    deployment: AgentHost, url: str, request: MessageRequest, receipt: QueuedReceipt, before: Run | None
) -> None:
    """Store the receipt, then send the message.

    A message with a receipt that was not sent can be sent again.
    """
    body = encode_json(request.model_dump(mode="json", exclude_none=True))
    if len(body.encode()) > QUEUE_LIMIT_BYTES:
        raise MessageTooLarge(
            f"a queued message is limited to {QUEUE_LIMIT_BYTES:,} bytes of JSON: shorten it, or wait for the answer"
        )
    once = str(receipt.run_id)
    if failure := await _name_failure(deployment, receipt, before):
        once += f":{failure}"  # a FIFO queue drops a second message of the same id within five minutes
    queue = await deployment.shared(queue_opener(url))
    await asyncio.gather(queue.prepare(), _store_receipt(deployment, receipt))  # loading the client is slow
    await queue.send([QueueMessage(body=body, group=str(receipt.room_id), deduplication_id=once)])


async def _name_failure(deployment: AgentHost, receipt: QueuedReceipt, before: Run | None) -> str:
    """Identify the last failed attempt; empty before the first failure."""
    if before is not None:
        return str(before.attempt) if before.status is RunStatus.FAILED else ""
    earlier = await _load_receipt(deployment, receipt.agent_id, receipt.run_id)
    return f"{earlier.ended_at.timestamp():.0f}" if earlier and earlier.ended_at else ""


async def _store_receipt(deployment: AgentHost, receipt: QueuedReceipt) -> None:
    await deployment.database.cache.set_value(
        receipt.agent_id, _key(receipt.run_id), asdict(receipt), expires_at=receipt.accepted_at + RECEIPT_TTL
    )


async def _load_receipt(deployment: AgentHost, agent_id: UUID, run_id: UUID) -> QueuedReceipt | None:
    found = await deployment.database.cache.get_value(agent_id, _key(run_id))
    return None if found is None else coerce(QueuedReceipt, found, name="queued receipt")


def _key(run_id: UUID) -> str:
    return f"accepted:{run_id}"  # receipts of earlier versions are under this key


class _Rooms:
    """Background answers in this process, in order within each room."""

    def __init__(self) -> None:
        self._last: dict[UUID, asyncio.Task[None]] = {}

    def start_answer(self, deployment: AgentHost, request: MessageRequest, room_id: UUID) -> None:
        """Answer a message in the background, after its room's earlier messages."""
        before = self._last.get(room_id)

        async def answer() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await deployment.answer(request)
            except MayflyError as error:
                log.warning("queued message not answered: %s", error, extra={"error_code": error.code})
                await record_failure(deployment, request, error)

        task = background.start(answer(), name=f"message {request.id}", owner=deployment)
        self._last[room_id] = task
        task.add_done_callback(lambda done: self._forget(room_id, done))

    def _forget(self, room_id: UUID, done: asyncio.Task[None]) -> None:
        if self._last.get(room_id) is done:
            del self._last[room_id]


@asynccontextmanager
async def _rooms() -> AsyncIterator[_Rooms]:
    yield _Rooms()
