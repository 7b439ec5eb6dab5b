"""Ports: small protocols, with one adapter for each technology.

Every store call names the agent: rows of other agents are never read, changed or counted. All
times are aware and UTC. Store methods raise `StoreUnavailable` (safe to retry) when the database
does not answer before the deadline, and `SchemaOutOfDate` when it is not migrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from runtime_core.domain.chat import EmbeddingResponse, OnDelta, TextRequest, TextResponse
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Hit, Memory
from runtime_core.domain.memory_query import MemoryFilter as MemoryFilter  # part of the ports, so importable from here
from runtime_core.domain.memory_query import MemoryQuery as MemoryQuery
from runtime_core.domain.memory_query import RecallQuery
from runtime_core.domain.records import Record
from runtime_core.domain.run import Run, TurnContext, TurnEnd, TurnStart
from runtime_core.domain.task import Task
from runtime_core.queues.embedding.job import EmbeddingFailure, EmbeddingJob, MadeEmbedding, Priority, WantedEmbedding
from runtime_core.queues.jobs import QueueDelivery, QueueMessage

R = TypeVar("R", bound=Record)


class TurnStore(Protocol):
    """Store of turns and their runs; each adapter passes `TurnStoreContract`."""

    async def begin(self, start: TurnStart) -> TurnContext:
        """Claim the run of a message and store the message, in one transaction.

        Outcomes `new` and `resume` hold the claim until now + `lease_s`. Every other outcome writes
        nothing. One of any number of concurrent callers gets the claim.
        Existing worlds, rooms, entities and participants are not changed.
        """

    async def checkpoint(
        self, agent_id: UUID, run_id: UUID, lease_owner: UUID, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store the steps done so far, for another invocation to resume from.

        Raises:
            LeaseLost: The run is claimed by another owner, or has ended.
        """

    async def finish(self, end: TurnEnd) -> None:
        """Store the answers and end the run, in one transaction.

        A second call by the same owner (a retry after a lost connection) has no effect.

        Raises:
            LeaseLost: Another owner has claimed or ended the run; nothing is stored.
        """

    async def get_run(self, run_id: UUID) -> Run | None:
        """Return a run of any agent; the caller checks the agent.

        Returns:
            None if there is none with this id.
        """


class MemoryStore(Protocol):
    """Store of an agent's memories; each adapter passes `MemoryStoreContract`."""

    async def create(
        self,
        agent_id: UUID,
        memories: Sequence[Memory],
        *,
        embedding_model: str = "",
        embedding_priority: str | None = None,
    ) -> list[Memory]:
        """Store memories, all or none; a `created_at` of None becomes the store's time.

        Their room, world and entity need not exist in the store.

        Args:
            embedding_model: The model of the memories' `embedding`s; required if one is set.
            embedding_priority: Mark memories without an embedding as wanting one; None marks none.

        Returns:
            The memories as stored, in the order given.

        Raises:
            DuplicateRecord: An id exists already.
            DimensionMismatch: An embedding's dimension differs from the model's.
        """

    async def update(self, agent_id: UUID, memories: Sequence[Memory]) -> None:
        """Replace content and metadata by id.

        A changed text loses its embedding and wants a new one.

        Raises:
            RecordNotFound: An id does not exist; nothing is changed.
        """

    async def delete(self, agent_id: UUID, which: Sequence[UUID] | MemoryFilter) -> int:
        """Delete by ids or by filter, and return the number deleted."""

    async def get(self, agent_id: UUID, ids: Sequence[UUID]) -> list[Memory]:
        """Return the existing memories among these ids, in the order given.

        Embeddings are included.
        """

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int = 100) -> list[Memory]:
        """Return the newest `limit` memories, newest first by (created_at, id)."""

    async def count(self, agent_id: UUID, which: MemoryFilter) -> int:
        """Count the matching memories."""

    async def search(self, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
        """Find the memories that match the words or the vector best.

        Returns:
            Best first; ties by (created_at, id), newest first. A memory without an embedding is matched by its words.

        Raises:
            DimensionMismatch: The vector's length differs from the model's embeddings in the store.
        """


class RecallStore(Protocol):
    """Search for the memories relevant to a message; adapters pass `RecallStoreContract`."""

    async def recall(self, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
        """Search several sources for one query, in one round trip.

        Returns:
            For each source, in order, the result of `MemoryStore.search` with its filter and limit.

        Raises:
            DimensionMismatch: See `MemoryStore.search`.
        """


class RecordStore(Protocol):
    """Store of an agent's records other than memories; adapters pass `RecordStoreContract`.

    A record's id is its `id`, for a `Participant` the pair (room_id, entity_id). Fields can be
    matched by equality (None matches an empty field); a tuple field matches if it contains all the given
    items; an unknown field raises `InvalidRecord`. A `Log` is never updated or deleted.
    """

    async def insert(self, agent_id: UUID, records: Sequence[Record], *, ignore_existing: bool = False) -> int:
        """Store records of any kinds in order, all or none.

        Returns:
            The number of new records.

        Raises:
            DuplicateRecord: A record exists already (and `ignore_existing` is False).
            InvalidRecord: A record refers to a missing one: a room's world, a participant's room or
                entity, a component's or relationship's entity.
        """

    async def update(self, agent_id: UUID, records: Sequence[Record]) -> None:
        """Replace all fields except `created_at` of the records with these ids.

        Raises:
            RecordNotFound: A record does not exist; nothing is changed.
        """

    async def get(self, kind: type[R], agent_id: UUID, ids: Sequence[UUID]) -> list[R]:
        """Return the existing records among these ids, in the order given.

        Not available for participants.
        """

    async def find(self, kind: type[R], agent_id: UUID | None, *, limit: int = 1000, **fields: object) -> list[R]:
        """Return the records whose fields equal these, oldest first by (created_at, id).

        An `agent_id` of None is allowed only for `Agent`: all agents of this database.
        """

    async def delete(self, kind: type[Record], agent_id: UUID, **fields: object) -> int:
        """Delete the records whose fields equal these (`id=…`), and return their number.

        Records that refer to them are deleted as well (see `insert`); memories and runs are not.

        Raises:
            InvalidRecord: No field is given, which would delete everything.
        """


class TaskStore(Protocol):
    """Store of task claims; each adapter passes `TaskStoreContract`.

    A claim moves the task's `due_at` into the future. That time identifies the claim; when it has passed without
    `settle`, the task is due again.
    """

    async def claim(self, agent_ids: Sequence[UUID], *, lease_s: float, limit: int = 100) -> list[Task]:
        """Claim the due tasks of these agents tagged `queue`, longest due first.

        One of any number of concurrent callers gets each task; callers do not wait for each other.

        Returns:
            The tasks with `due_at` = the store's now + `lease_s`.
        """

    async def hold(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, lease_s: float) -> Task | None:
        """Take over the claim that `held_until` identifies, once.

        Returns:
            The task with its new `due_at`; None if that claim is gone: taken over, settled, or expired and
            claimed again.
        """

    async def settle(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, then: Task | None = None) -> bool:
        """End a claim: delete the task, or replace it by `then`.

        The task keeps its `id` and `created_at`.

        Returns:
            False if that claim is gone; nothing is changed then.
        """


class EmbeddingStore(Protocol):
    """Store of embedding work and its results; adapters pass `EmbeddingStoreContract`.

    A memory wants an embedding from the moment it is stored with a priority, or marked by `want`, until its current
    text is embedded, split into fragments or permanently refused. A result is written only if the text is unchanged:
    the methods that write return the ids of memories that have changed or are gone, for which nothing is written. A
    changed text wants an embedding of its own.
    """

    async def want(self, agent_id: UUID, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        """Mark memories as wanting an embedding, also after a failure.

        Returns:
            The ids that exist.
        """

    async def wanted(self, agent_id: UUID, ids: Sequence[UUID], *, model: str) -> list[WantedEmbedding]:
        """Return the memories that want an embedding, with their current text, in order."""

    async def keep(self, agent_id: UUID, made: Sequence[MadeEmbedding], *, model: str) -> list[UUID]:
        """Store vectors in one statement, replacing the same model's earlier ones.

        Raises:
            DimensionMismatch: A vector's dimension differs from the model's; nothing is stored.
        """

    async def keep_fragments(
        self, agent_id: UUID, document: WantedEmbedding, fragments: Sequence[Memory], priority: Priority
    ) -> bool:
        """Store the fragments of a text too long to embed, replacing earlier ones.

        Fragments are memories of the table `fragments` whose metadata names the `document_id`; existing ids are not
        changed. The fragments want an embedding, and the document no longer does. They are deleted with it.

        Returns:
            False if the document has changed or is gone; nothing is stored then.
        """

    async def settle(self, agent_id: UUID, done: Sequence[WantedEmbedding]) -> list[UUID]:
        """Mark memories as wanting no embedding: their text is empty or embedded."""

    async def fail(self, agent_id: UUID, failures: Sequence[EmbeddingFailure]) -> list[UUID]:
        """Mark memories as failed, with the reason, until their text changes."""

    async def failed(self, agent_id: UUID, *, limit: int = 100) -> list[EmbeddingFailure]:
        """Return the failed memories, earliest failure first."""

    async def claim_overdue(
        self, agent_ids: Sequence[UUID], priority: Priority, *, overdue_s: float, limit: int
    ) -> list[EmbeddingJob]:
        """Claim memories that have wanted an embedding for over `overdue_s`, longest first.

        One of any number of concurrent callers gets each memory; callers do not wait for each other. A claimed memory
        is overdue again `overdue_s` later, if it still wants an embedding.
        """

    async def lacking(
        self, agent_id: UUID, *, model: str, after: UUID | None = None, limit: int = 100
    ) -> list[WantedEmbedding]:
        """Return memories that another model embedded, but this model did not.

        An embedding of an earlier text does not count.

        Args:
            after: Return memories with greater ids, in the order of ids.
        """


class KeyValueStore(Protocol):
    """Cache of an agent: JSON values by key; adapters pass `KeyValueStoreContract`."""

    async def get_value(self, agent_id: UUID, key: str) -> Any:
        """Return the value of a key.

        Returns:
            None if it is missing or expired.
        """

    async def set_value(self, agent_id: UUID, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        """Set a value, which expires at `expires_at`."""

    async def delete_value(self, agent_id: UUID, key: str) -> bool:
        """Delete a value.

        Returns:
            Whether it existed.
        """


class DatabaseAdapter(Protocol):
    """Stores of one database, and its lifetime.

    It is opened once, used by many runtimes, and closed by its opener.
    """

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
        """Schema version that this adapter needs: the number of its last migration."""

    @property
    def migrates_on_open(self) -> bool:
        """Whether its opener migrates it, as with a local file; else a deploy step does."""

    async def ping(self) -> int:
        """Query the database for its schema version.

        Returns:
            0 if it was never migrated.
        """

    async def migrate(self) -> list[str]:
        """Apply the missing migrations under a lock, and return their names."""

    async def close(self) -> None:
        """Close all connections; the next use opens the adapter again."""


class TextModel(Protocol):
    """Model that writes text; each adapter passes `TextModelContract`."""

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        """Answer a conversation before the current deadline.

        Args:
            on_delta: Awaited with each piece of text as it arrives; the response still contains all of it.

        Raises:
            ModelError: A subclass, with its `retryable`.
            DeadlineExceeded: No time is left for the call.
        """


class EmbeddingModel(Protocol):
    """Model that embeds texts; each adapter passes `EmbeddingModelContract`."""

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Embed non-empty texts in one call.

        Raises:
            ModelError: See `TextModel.complete`.
        """


class JobQueue(Protocol):
    """Durable queue; its consumers are configured elsewhere. Adapters pass `JobQueueContract`."""

    async def prepare(self) -> None:
        """Load and open the resources of `send` off the event loop.

        Optional: `send` does it on first use.
        """

    async def send(self, messages: Sequence[QueueMessage]) -> None:
        """Enqueue messages in batches; delivered at least once, in any order.

        Raises:
            QueueUnavailable: Some messages were not accepted after a retry; safe to send all of them again.
            DeadlineExceeded: No time is left.
        """


class Channel(Protocol):
    """Channel to clients with an open connection."""

    async def send(self, connection_id: str, text: str) -> None:
        """Send text to one connection.

        Raises:
            TargetGone: The connection is closed.
            TargetUnavailable: The connection was not reached; safe to retry.
            TargetError: The service refused the connection or the text.
            DeadlineExceeded: No time is left.
        """


class Redelivery(Protocol):
    """Retry times of a queue's failed deliveries."""

    async def retry_after(self, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
        """Set the seconds until the retry of each delivery; 0 is at once.

        A delivery that is gone is ignored.

        Raises:
            QueueError: The queue's own delay applies to some deliveries.
            DeadlineExceeded: No time is left.
        """


class Fetcher(Protocol):
    """Reader of files from public web addresses, within a size limit."""

    async def fetch(self, url: str, *, limit_bytes: int, timeout_s: float) -> Fetched:
        """Read one file, redirects included.

        Raises:
            FetchRefused: The address is not allowed, the file is too large, or the server refused.
            DeadlineExceeded: Reading took longer than `timeout_s` in total.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """File from the web.

    Attributes:
        content_type: The server's, in lower case and without parameters.
    """

    content: bytes
    content_type: str
    charset: str | None = None


class EmbeddingIntake(Protocol):
    """Intake of embedding jobs for this process."""

    async def put(self, jobs: Sequence[EmbeddingJob], priority: Priority) -> None:
        """Enqueue jobs; the sweep picks up those that do not fit."""

    async def drain(self) -> None:
        """Embed all enqueued memories."""


class AgentData(Protocol):
    """Agent id and open database: the data access of a runtime."""

    agent_id: UUID

    @property
    def database(self) -> DatabaseAdapter: ...


class TurnData(AgentData, Protocol):
    """`AgentData` within a turn."""

    def turn_context(self) -> TurnContext | None:
        """Return the data that the claim of the current message read.

        Returns:
            None outside a turn.
        """
