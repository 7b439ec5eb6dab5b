"""Jobs, messages and deliveries of the queues.

A job carries ids only; its data is read when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeVar, cast
from uuid import UUID

from pydantic import AwareDatetime
from pydantic_core import from_json

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import InvalidInput

T = TypeVar("T")


class JobKind(StrEnum):
    """Kinds of work-queue jobs."""

    EVALUATE = "evaluate"  # the evaluators of a finished turn; `subject_id` is its run
    TASK = "task"  # a task that is due; `subject_id` is the task


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of the work queue.

    Attributes:
        held_until: For a task, the claim of this job. A second delivery finds the claim gone and does nothing.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    kind: JobKind
    agent_id: UUID
    subject_id: UUID
    held_until: AwareDatetime | None = None

    def body(self) -> str:
        """Encode the job as the JSON body of a queue message."""
        shown: dict[str, Any] = {"kind": self.kind, "agent_id": self.agent_id, "subject_id": self.subject_id}
        return encode_json(shown if self.held_until is None else {**shown, "held_until": self.held_until})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A message to send to a queue.

    Attributes:
        body: JSON; at most 256 KiB.
        group: Owner of the work, for fair queues: one group's backlog does not delay another group. At most 128
            letters, digits and punctuation characters.
        delay_s: Seconds before the first delivery, 0 to 900.
        deduplication_id: A FIFO queue drops a second message of this id within five minutes; if empty, the id is the
            digest of the content.
    """

    body: str
    group: str = ""
    delay_s: int = 0
    deduplication_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelivery:
    """One delivery of a queue message; a retry is another delivery.

    Attributes:
        queue: Name of the queue for `Redelivery`; on SQS its ARN.
        receipt: Name of this delivery.
    """

    id: str
    body: str
    queue: str = ""
    receipt: str = ""


class AgentJob(Protocol):
    """A job that belongs to one agent."""

    @property
    def agent_id(self) -> UUID:
        """The agent that the job belongs to."""
        ...

    def body(self) -> str:
        """Encode the job as the JSON body of a queue message."""
        ...


def parse_job(body: str) -> Job:
    """Parse a job of the work queue.

    Raises:
        InvalidInput: The body is not such a job.
    """
    return parse_body(Job, body, name="job")


def parse_body(kind: type[T], body: str, *, name: str) -> T:
    """Parse the JSON object in a message body.

    Args:
        name: Name of the value in error messages.

    Raises:
        InvalidInput: The body is not JSON, not an object, or not a `kind`.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise InvalidInput(f"the {name} is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected a JSON object with the {name}, got a {type(value).__name__}")
    return coerce(kind, cast("Mapping[str, Any]", value), name=name)


def messages_of(jobs: Sequence[AgentJob], *, delay_s: int = 0) -> list[QueueMessage]:
    """Make a queue message for each job, grouped by agent."""
    return [QueueMessage(body=job.body(), group=str(job.agent_id), delay_s=delay_s) for job in jobs]
