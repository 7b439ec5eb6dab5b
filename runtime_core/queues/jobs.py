"""Jobs: work that the user need not wait for. On a queue lie ids only; what they name is read when it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime
from pydantic_core import from_json

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import InvalidInput


class JobKind(StrEnum):
    """What a job of the work queue asks for."""

    EVALUATE = "evaluate"  # the evaluators of a finished turn; `subject_id` is its run
    TASK = "task"  # a task that came due; `subject_id` is the task


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of the work queue.

    Attributes:
        held_until: Of a task: the claim that this job stands for. Delivered twice, it is done once.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    kind: JobKind
    agent_id: UUID
    subject_id: UUID
    held_until: AwareDatetime | None = None

    def body(self) -> str:
        """The job as a queue carries it."""
        shown: dict[str, Any] = {"kind": self.kind, "agent_id": self.agent_id, "subject_id": self.subject_id}
        return encode_json(shown if self.held_until is None else {**shown, "held_until": self.held_until})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """What a queue is given.

    Attributes:
        body: JSON; at most 256 KiB.
        group: Whose work it is: a queue that knows groups lets none of them wait behind another. Letters, digits
            and punctuation, at most 128.
        delay_s: Not handed out before, 0 to 900.
        deduplication_id: A FIFO queue takes one message of this id in five minutes; its content's digest when empty.
    """

    body: str
    group: str = ""
    delay_s: int = 0
    deduplication_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as a queue hands it out, until it is done or handed out again.

    Attributes:
        queue: What names the queue to `Redelivery`; on SQS its ARN.
        receipt: What names this handing out.
    """

    id: str
    body: str
    queue: str = ""
    receipt: str = ""


def parse_job(body: str) -> Job:
    """Read a job.

    Raises:
        InvalidInput: It is none.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise InvalidInput(f"the job is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise InvalidInput(f"expected a JSON object with the job, got a {type(value).__name__}")
    return coerce(Job, value, name="job")


def messages_of(jobs: Sequence[Job], *, delay_s: int = 0) -> list[QueueMessage]:
    """Jobs as a queue is given them, each in its agent's group."""
    return [QueueMessage(body=job.body(), group=str(job.agent_id), delay_s=delay_s) for job in jobs]
