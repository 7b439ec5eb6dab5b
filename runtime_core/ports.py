"""What the runtime asks of the world outside: small protocols, one adapter file for each technology.

Every store call names the agent: rows of other agents are never seen, changed or counted. All
times are aware and UTC. Store methods raise `StoreUnavailable` (safe to retry) when the database
does not answer in the time the deadline leaves, and `SchemaOutOfDate` when it was not migrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from runtime_core.domain.chat import EmbeddingResponse, OnDelta, TextRequest, TextResponse
from runtime_core.domain.embedding_job import EmbeddingFailure, EmbeddingJob, MadeEmbedding, Priority, WantedEmbedding
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.jobs import QueueDelivery, QueueMessage
from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.memory_query import MemoryFilter as MemoryFilter  # part of the ports, so importable from here
from runtime_core.domain.memory_query import MemoryQuery as MemoryQuery
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.domain.records import Record
from runtime_core.domain.run import Run, TurnContext, TurnEnd, TurnStart
from runtime_core.domain.task import Task

R = TypeVar("R", bound=Record)


class TurnStore(Protocol):
    """Claims, saves and ends the turn of a message; each adapter passes `TurnStoreContract`."""

    async def begin(self, start: TurnStart) -> TurnContext:
        """Claim the run of a message and store the message, in one transaction.

        Outcomes `new` and `resume` hold the claim until now + `lease_s`. Every other outcome writes
        nothing at all. Of any number of callers at once, one gets the claim.
        Worlds, rooms, entities and participants that the store knows stay as they are.
        """

    async def checkpoint(
        self, agent_id: UUID, run_id: UUID, lease_owner: UUID, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        """Keep the steps done so far, so that another invocation can go on from them.

        Raises:
            LeaseLost: The run is claimed by another owner, or has ended.
        """

    async def finish(self, end: TurnEnd) -> None:
        """Store the answers and end the run, in one transaction.

        The same owner finishing twice (a retry after a lost connection) is one finish.

        Raises:
            LeaseLost: The run is claimed by another owner, or was ended by one; nothing is stored.
        """

    async def get_run(self, run_id: UUID) -> Run | None:
        """The run with this id, of any agent: the caller checks whose it is."""


class MemoryStore(Protocol):
    """Keeps an agent's memories; each adapter passes `MemoryStoreContract`."""

    async def create(
        self,
        agent_id: UUID,
        memories: Sequence[Memory],
        *,
        embedding_model: str = "",
        embedding_priority: str | None = None,
    ) -> list[Memory]:
        """Store memories, all or none; `created_at` None takes the store's clock.

        Their room, world and entity need not be known to the store.

        Args:
            embedding_model: Which model made the memories' `embedding`s; needed where one is set.
            embedding_priority: Marks those without an embedding as wanting one.

        Returns:
            The memories as stored, in the order given.

        Raises:
            DuplicateRecord: An id is there already.
            DimensionMismatch: An embedding has another dimension than the model's others.
        """

    async def update(self, agent_id: UUID, memories: Sequence[Memory]) -> None:
        """Replace content and metadata by id; a changed text drops its embedding and wants a new one.

        Raises:
            RecordNotFound: An id is not there; nothing is changed.
        """

    async def delete(self, agent_id: UUID, which: Sequence[UUID] | MemoryFilter) -> int:
        """Delete by ids or by filter; returns how many were there."""

    async def get(self, agent_id: UUID, ids: Sequence[UUID]) -> list[Memory]:
        """Those of the ids that are there, in the order given, with their embedding where there is one."""

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int = 100) -> list[Memory]:
        """The newest `limit` memories, newest first by (created_at, id)."""

    async def count(self, agent_id: UUID, which: MemoryFilter) -> int:
        """How many memories match."""

    async def search(self, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
        """Find the memories that fit the words or the vector best.

        Returns:
            Best first; ties by (created_at, id), newest first. A memory not yet embedded is found by its words.

        Raises:
            DimensionMismatch: The vector has another length than the model's embeddings in the store.
        """


class RecallStore(Protocol):
    """Finds what a message brings to mind; each adapter passes `RecallStoreContract`."""

    async def recall(self, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
        """Search several sources for one query, in one round trip.

        Returns:
            For each source, in order, what `MemoryStore.search` gives with its filter and limit.

        Raises:
            DimensionMismatch: As `MemoryStore.search`.
        """


class RecordStore(Protocol):
    """Keeps an agent's records of every kind but memories; each adapter passes `RecordStoreContract`.

    A record's id is its `id`, for a `Participant` the pair (room_id, entity_id). Fields can be
    matched by equality (None matches what is empty); a tuple field matches when it holds all the given
    items; a field the kind does not have is an `InvalidRecord`. A `Log` is never updated or deleted.
    """

    async def insert(self, agent_id: UUID, records: Sequence[Record], *, ignore_existing: bool = False) -> int:
        """Store new records of any kinds in the order given, all or none; returns how many were new.

        Raises:
            DuplicateRecord: One is there already (and `ignore_existing` is False).
            InvalidRecord: It refers to something that is not there: a room's world, a participant's room or
                entity, a component's or relationship's entity.
        """

    async def update(self, agent_id: UUID, records: Sequence[Record]) -> None:
        """Replace every field of the records with these ids but `created_at`.

        Raises:
            RecordNotFound: One is not there; nothing is changed.
        """

    async def get(self, kind: type[R], agent_id: UUID, ids: Sequence[UUID]) -> list[R]:
        """Those of the ids that are there, in the order given; not for participants."""

    async def find(self, kind: type[R], agent_id: UUID | None, *, limit: int = 1000, **fields: object) -> list[R]:
        """Records whose fields equal these, oldest first by (created_at, id).

        `agent_id` None is allowed for `Agent` alone: the agents of this database.
        """

    async def delete(self, kind: type[Record], agent_id: UUID, **fields: object) -> int:
        """Delete the records whose fields equal these (`id=…`); returns how many were there.

        What means nothing without them goes with them (see `insert`); memories and runs stay.

        Raises:
            InvalidRecord: No field was given: deleting everything is never meant.
        """


class TaskStore(Protocol):
    """Hands tasks out, each to one; each adapter passes `TaskStoreContract`.

    A claim is the task's `due_at` moved into the future: whoever names that time holds the task, and when the time
    has passed without `settle`, the task is due again.
    """

    async def claim(self, agent_ids: Sequence[UUID], *, lease_s: float, limit: int = 100) -> list[Task]:
        """Claim the tasks of these agents that are tagged `queue` and due, longest due first.

        Of any number of callers at once, one gets each task; callers do not wait for each other.

        Returns:
            The tasks with `due_at` = the store's now + `lease_s`.
        """

    async def hold(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, lease_s: float) -> Task | None:
        """Take a claim over, to do the task now: from the one that `held_until` names, once.

        Returns:
            The task with its new `due_at`; None when that claim is gone: taken over, settled, or run out and
            claimed anew.
        """

    async def settle(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, then: Task | None = None) -> bool:
        """End a claim: delete the task, or replace every field but `id` and `created_at` by those of `then`.

        Returns:
            False when that claim is gone; nothing is changed then.
        """


class EmbeddingStore(Protocol):
    """Which memories want an embedding, and what came of it; each adapter passes `EmbeddingStoreContract`.

    A memory wants an embedding from the moment it is stored with a priority, or `want` marks it, until its present
    text is embedded, split into fragments, or refused for good. What was made of a text is written only where that text
    is unchanged: the methods that write return the ids of memories with another text by now, or gone; for those nothing
    is written, and a changed text wants an embedding of its own.
    """

    async def want(self, agent_id: UUID, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        """Mark memories as wanting an embedding, also those that failed before; returns the ids that are there."""

    async def wanted(self, agent_id: UUID, ids: Sequence[UUID], *, model: str) -> list[WantedEmbedding]:
        """Those of the memories that want an embedding, with their present text, in the order given."""

    async def keep(self, agent_id: UUID, made: Sequence[MadeEmbedding], *, model: str) -> list[UUID]:
        """Store vectors, in place of those that the same model made of an earlier text; all in one statement.

        Raises:
            DimensionMismatch: One has another dimension than the model's others; nothing is stored.
        """

    async def keep_fragments(
        self, agent_id: UUID, document: WantedEmbedding, fragments: Sequence[Memory], priority: Priority
    ) -> bool:
        """Store the fragments of a text that is too long to embed, in place of its earlier ones.

        Fragments are memories of the table `fragments` whose metadata names the `document_id`; those whose ids are
        there stay as they are. They want an embedding, the document does not any more. They are deleted with it.

        Returns:
            False when the document's text is another one by now, or gone; nothing is stored then.
        """

    async def settle(self, agent_id: UUID, done: Sequence[WantedEmbedding]) -> list[UUID]:
        """Mark memories as wanting nothing: their text is empty, or embedded already."""

    async def fail(self, agent_id: UUID, failures: Sequence[EmbeddingFailure]) -> list[UUID]:
        """Mark memories as failed, with the reason; they want nothing until their text changes."""

    async def failed(self, agent_id: UUID, *, limit: int = 100) -> list[EmbeddingFailure]:
        """The memories that failed, longest ago first."""

    async def claim_overdue(
        self, agent_ids: Sequence[UUID], priority: Priority, *, overdue_s: float, limit: int
    ) -> list[EmbeddingJob]:
        """Take memories of these agents that have wanted an embedding for longer than `overdue_s`, longest first.

        Of any number of callers at once, one gets each memory, and none waits for another. What was claimed is
        overdue again `overdue_s` later, if it still wants one then.
        """

    async def lacking(
        self, agent_id: UUID, *, model: str, after: UUID | None = None, limit: int = 100
    ) -> list[WantedEmbedding]:
        """Memories that another model embedded, and this one not in their present text; by id, those after `after`."""


class KeyValueStore(Protocol):
    """An agent's cache: JSON values by key; each adapter passes `KeyValueStoreContract`."""

    async def get_value(self, agent_id: UUID, key: str) -> Any:
        """The value, or None."""

    async def set_value(self, agent_id: UUID, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        """Set a value; after `expires_at` it is gone."""

    async def delete_value(self, agent_id: UUID, key: str) -> bool:
        """Delete a value; says whether it was there."""


class DatabaseAdapter(Protocol):
    """One database: the stores, and its life. Opened once, used by many runtimes, closed by who opened it."""

    @property
    def turns(self) -> TurnStore: ...
    @property
    def memories(self) -> MemoryStore: ...
    @property
    def recall(self) -> RecallStore: ...
    @property
    def records(self) -> RecordStore: ...
    @property
    def cache(self) -> KeyValueStore: ...
    @property
    def tasks(self) -> TaskStore: ...
    @property
    def embeddings(self) -> EmbeddingStore: ...

    @property
    def schema_version(self) -> int:
        """The schema version this adapter needs: the number of its last migration."""

    @property
    def migrates_on_open(self) -> bool:
        """Whether whoever opens it migrates it, as with a file of this machine's own; else a deploy step does."""

    async def ping(self) -> int:
        """Ask the database something; returns the schema version it is at, 0 when it was never migrated."""

    async def migrate(self) -> list[str]:
        """Apply the migrations that are missing, under a lock; returns their names."""

    async def close(self) -> None:
        """Close every connection; a closed adapter opens again on its next use."""


class TextModel(Protocol):
    """Writes text; each adapter passes `TextModelContract`."""

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        """Answer the conversation, within the current deadline.

        Args:
            on_delta: Awaited with each piece of text as it comes; the response still holds it all.

        Raises:
            ModelError: One of its subclasses, each with the right `retryable`.
            DeadlineExceeded: No time is left to ask.
        """


class EmbeddingModel(Protocol):
    """Turns texts into vectors; each adapter passes `EmbeddingModelContract`."""

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Embed texts, none of them empty, in one call.

        Raises:
            ModelError: As for `TextModel.complete`.
        """


class JobQueue(Protocol):
    """A queue that outlives this process; who reads it is configured outside. Passes `JobQueueContract`."""

    async def prepare(self) -> None:
        """Load and open what `send` needs, away from the event loop; `send` does it where this was not called."""

    async def send(self, messages: Sequence[QueueMessage]) -> None:
        """Put messages on the queue, in batches; delivered at least once, in any order.

        Raises:
            QueueUnavailable: Some were not taken, also after a second try; safe to send all of them again.
            DeadlineExceeded: No time is left.
        """


class Channel(Protocol):
    """Reaches clients that hold a connection open."""

    async def send(self, connection_id: str, text: str) -> None:
        """Send text to one connection.

        Raises:
            TargetGone: It is closed.
            TargetUnavailable: It was not reached; safe to send again.
            TargetError: It may not be sent to, or not this.
            DeadlineExceeded: No time is left.
        """


class Redelivery(Protocol):
    """Sets when a queue retries failed deliveries."""

    async def retry_after(self, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
        """Set the seconds until the retry of each delivery; 0 is at once.

        A delivery that is gone is ignored.

        Raises:
            QueueError: The queue's own delay applies to some deliveries.
            DeadlineExceeded: No time is left.
        """


class Fetcher(Protocol):
    """Reads files from the web, only from public addresses, never more than asked for."""

    async def fetch(self, url: str, *, limit_bytes: int, timeout_s: float) -> Fetched:
        """Read one file, redirects included.

        Raises:
            FetchRefused: The address may not be reached, the file is too large, or the server said no.
            DeadlineExceeded: It took longer than `timeout_s` altogether.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file from the web; `content_type` as the server says it, lower case and without parameters."""

    content: bytes
    content_type: str
    charset: str | None = None


class EmbeddingIntake(Protocol):
    """Takes embedding jobs to be done in this process."""

    async def put(self, jobs: Sequence[EmbeddingJob], priority: Priority) -> None:
        """Enqueue jobs; what the queue has no room for is left to a sweep."""

    async def drain(self) -> None:
        """Embed everything that is enqueued."""


class AgentData(Protocol):
    """One agent and its open database: what most functions on stored data need of a runtime."""

    agent_id: UUID

    @property
    def database(self) -> DatabaseAdapter: ...


class TurnData(AgentData, Protocol):
    """As `AgentData`, within a turn."""

    def turn_context(self) -> TurnContext | None:
        """Return what the claim of the current message read; None outside a turn."""
