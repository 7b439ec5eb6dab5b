"""Messages that are accepted now and answered later: over the inbox queue, or in the background of this process.

Until its turn begins, such a message has no run in the store. A note in the agent's cache stands for it, so that
whoever asks for the run is told that it waits, or why it was given up before it began.
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
from runtime_core.domain.memory import Memory
from runtime_core.domain.message_request import EntityInput, MessageRequest
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.domain.run import Run, RunStatus, run_id_of
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import MayflyError, MessageTooLarge, SettingsError
from runtime_core.queues.jobs import QueueMessage
from runtime_core.support import background
from runtime_core.wiring import queue_opener

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

log = logging.getLogger(__name__)

KEPT = timedelta(days=14)  # as long as a queue keeps a message
QUEUE_LIMIT_BYTES = 256 * 1024  # of one message on a queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that waits for its turn, or was given up before it began; `error` as `Run` has it."""

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
        """What stands for the run that is to come."""
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


async def accept(deployment: Deployment, request: MessageRequest) -> Run | MessageProcessingResult:
    """Take a message to be answered later: over `INBOX_QUEUE_URL`, or in the background of this process.

    Returns:
        The run as it stands now, or the stored result where the message was answered before.

    Raises:
        SettingsError: On Lambda without `INBOX_QUEUE_URL`: a frozen process answers nobody.
        AgentNotFound: The request names an agent that does not run here.
        MessageTooLarge: The queue cannot carry it.
        MessageConflict: Its id was used with another body.
        QueueError, StoreUnavailable: It was not taken; safe to send again.
    """
    if deployment.settings.inbox_queue_url is None and deployment.settings.on_lambda:
        raise SettingsError(
            "INBOX_QUEUE_URL is not set: on Lambda a message can be answered later only over a queue",
            name="INBOX_QUEUE_URL",
        )
    agent_id = deployment.agent_id(request.agent)
    message = request.memory(agent_id)
    # In this order: a turn that begins in between has stored both.
    was_seen = bool(await deployment.database.memories.get(agent_id, [message.id]))
    run = await deployment.database.turns.get_run(run_id_of(message))
    if run is not None and _is_held(run):
        return run
    if run.status is RunStatus.COMPLETED if run is not None else was_seen:
        return await deployment.answer(request)  # the stored answer, or why there is none
    accepted = Accepted(
        run_id=run_id_of(message),
        agent_id=agent_id,
        message_id=message.id,
        room_id=message.room_id,
        entity_id=message.entity_id,
        accepted_at=datetime.now(UTC),
    )
    named = _named(request, message, agent_id)
    if deployment.settings.inbox_queue_url is None:
        await _note(deployment, accepted)
        (await deployment.shared(_rooms)).answer_after_others(deployment, named, accepted.room_id)
    else:
        await _send(deployment, deployment.settings.inbox_queue_url, named, accepted, run)
    return accepted.run


async def find_accepted(deployment: Deployment, run_id: UUID) -> Accepted | None:
    """What was accepted under this run id, by whichever agent of the deployment; None when nothing was."""
    for agent in deployment.agents:
        found = await _noted(deployment, agent.agent_id, run_id)
        if found is not None:
            return found
    return None


async def note_given_up(deployment: Deployment, request: MessageRequest, error: MayflyError) -> None:
    """Keep why an accepted message is not answered; where its turn began, the run itself tells."""
    try:
        agent_id = deployment.agent_id(request.agent)
        accepted = await _noted(deployment, agent_id, run_id_of(request.memory(agent_id)))
        if accepted is not None:
            await _note(deployment, replace(accepted, error=error.as_json(), ended_at=datetime.now(UTC)))
    except MayflyError as second:  # who asks for the run goes on being told that it waits
        log.warning("not noted that a message was given up", extra={"error_code": second.code})


def _is_held(run: Run) -> bool:
    held_until = run.lease_until if run.status is RunStatus.RUNNING else None
    return held_until is not None and held_until > datetime.now(UTC)


def _named(request: MessageRequest, message: Memory, agent_id: UUID) -> MessageRequest:
    """The request with every default filled in, so that it is the same message whoever reads it."""
    entity = request.entity or EntityInput(id=message.entity_id)
    given = {"id": message.id, "agent": str(agent_id), "room_id": message.room_id, "entity": entity}
    return request.model_copy(update=given)


async def _send(
    deployment: Deployment, url: str, request: MessageRequest, accepted: Accepted, before: Run | None
) -> None:
    """Note the message, then put it on the queue: noted and not put there, it can be sent again."""
    body = encode_json(request.model_dump(mode="json", exclude_none=True))
    if len(body.encode()) > QUEUE_LIMIT_BYTES:
        raise MessageTooLarge(f"a message to be answered later has at most {QUEUE_LIMIT_BYTES:,} bytes of JSON")
    once = str(accepted.run_id)
    if failures := await _failures(deployment, accepted, before):
        once += f":{failures}"  # the queue would take what it had within five minutes for the same, and drop it
    queue = await deployment.shared(queue_opener(url))
    await asyncio.gather(queue.prepare(), _note(deployment, accepted))  # loading the cloud's client takes a while
    await queue.send([QueueMessage(body=body, group=str(accepted.room_id), deduplication_id=once)])


async def _failures(deployment: Deployment, accepted: Accepted, before: Run | None) -> str:
    """What tells this attempt from those that failed; empty for the first."""
    if before is not None:
        return str(before.attempt) if before.status is RunStatus.FAILED else ""
    earlier = await _noted(deployment, accepted.agent_id, accepted.run_id)
    return f"{earlier.ended_at.timestamp():.0f}" if earlier and earlier.ended_at else ""


async def _note(deployment: Deployment, accepted: Accepted) -> None:
    await deployment.database.cache.set_value(
        accepted.agent_id, _key(accepted.run_id), asdict(accepted), expires_at=accepted.accepted_at + KEPT
    )


async def _noted(deployment: Deployment, agent_id: UUID, run_id: UUID) -> Accepted | None:
    found = await deployment.database.cache.get_value(agent_id, _key(run_id))
    return None if found is None else coerce(Accepted, found, name="accepted")


def _key(run_id: UUID) -> str:
    return f"accepted:{run_id}"


class _Rooms:
    """Answers in the background of this process, one message of a room after the other."""

    def __init__(self) -> None:
        self._last: dict[UUID, asyncio.Task[None]] = {}

    def answer_after_others(self, deployment: Deployment, request: MessageRequest, room_id: UUID) -> None:
        before = self._last.get(room_id)

        async def answered() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await deployment.answer(request)
            except MayflyError as error:
                log.warning("accepted message not answered: %s", error, extra={"error_code": error.code})
                await note_given_up(deployment, request, error)

        task = background.start(answered(), name=f"message {request.id}", owner=deployment)
        self._last[room_id] = task
        task.add_done_callback(lambda done: self._forget(room_id, done))

    def _forget(self, room_id: UUID, done: asyncio.Task[None]) -> None:
        if self._last.get(room_id) is done:
            del self._last[room_id]


@asynccontextmanager
async def _rooms() -> AsyncIterator[_Rooms]:
    yield _Rooms()
