"""Ports: small protocols between the runtime and its adapters.

Every store call names the agent, and never reads, changes or counts rows of other agents. All times are aware and
UTC. Store methods raise `StoreUnavailable` (safe to retry) if the database does not answer before the deadline, and
`SchemaOutOfDate` if it is not migrated.
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
    """Store of turns and their runs; each adapter passes `TurnStoreContract`."""

    async def begin(self, start: TurnStart) -> TurnContext:
        """Claim the run of a message and store the message.

        Both happen in one transaction. Outcomes `new` and `resume` hold the claim until now + `lease_s`; any other
        outcome writes nothing. Exactly one of several concurrent callers gets the claim. Existing worlds, rooms,
        entities and participants stay unchanged.
        """

    async def checkpoint(
        self, agent_id: UUID, run_id: UUID, lease_owner: UUID, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        """Save the completed steps, from which another invocation can resume.

        Raises:
            LeaseLost: Another owner claimed the run, or it has ended.
        """

    async def finish(self, end: TurnEnd) -> None:
        """Store the answers and end the run, in one transaction.

        Idempotent for the same owner, which may retry after a lost connection.

        Raises:
            LeaseLost: Another owner claimed or ended the run; nothing is stored.
        """

    async def get_run(self, run_id: UUID) -> Run | None:
        """Read a run of any agent by id.

        The caller checks the owner.

        Returns:
            None if no run has this id.
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
        """Store memories, all or none.

        Their room, world and entity need not exist in the store. `created_at` None means the store's clock.

        Args:
            embedding_model: Model of the memories' `embedding`s; required if one is set.
            embedding_priority: Priority with which to mark memories without an embedding as wanting one.

        Returns:
            The memories as stored, in the order given.

        Raises:
            DuplicateRecord: An id already exists.
            DimensionMismatch: The dimension of an embedding differs from the model's others.
        """

    async def update(self, agent_id: UUID, memories: Sequence[Memory]) -> None:
        """Replace content and metadata by id.

        A changed text deletes its embedding and wants another.

        Raises:
            RecordNotFound: An id does not exist; nothing is changed.
        """

    async def delete(self, agent_id: UUID, which: Sequence[UUID] | MemoryFilter) -> int:
        """Delete memories by ids or by filter; returns their number."""

    async def get(self, agent_id: UUID, ids: Sequence[UUID]) -> list[Memory]:
        """Read the memories with these ids, and their embeddings.

        Returns:
            The existing memories, in the order of `ids`.
        """

    async def find(self, agent_id: UUID, which: MemoryFilter, *, limit: int = 100) -> list[Memory]:
        """Read the newest `limit` matching memories, newest first by (created_at, id)."""

    async def count(self, agent_id: UUID, which: MemoryFilter) -> int:
        """Count the matching memories."""

    async def search(self, agent_id: UUID, query: MemoryQuery, which: MemoryFilter) -> list[Hit]:
        """Search memories by words, by vector, or both.

        Returns:
            Best first; ties by (created_at, id), newest first. Words also find memories without an embedding.

        Raises:
            DimensionMismatch: The length of the vector differs from the model's embeddings in the store.
        """


class RecallStore(Protocol):
    """Search for memories relevant to a message; each adapter passes `RecallStoreContract`."""

    async def recall(self, agent_id: UUID, recall: RecallQuery) -> list[list[Hit]]:
        """Search several sources for one query, in one round trip.

        Returns:
            For each source, in order, the result of `MemoryStore.search` with its filter and limit.

        Raises:
            DimensionMismatch: See `MemoryStore.search`.
        """


class RecordStore(Protocol):
    """Store of an agent's records except memories; each adapter passes `RecordStoreContract`.

    The key of a record is its `id`, of a `Participant` the pair (room_id, entity_id). Fields match by equality, and
    None matches an empty field; a tuple field matches if it contains all the given items. An unknown field raises
    `InvalidRecord`. A `Log` is never updated or deleted.
    """

    async def insert(self, agent_id: UUID, records: Sequence[Record], *, ignore_existing: bool = False) -> int:
        """Insert records of any kinds, all or none.

        The records are inserted in the order given.

        Returns:
            The number of new records.

        Raises:
            DuplicateRecord: A record already exists (and `ignore_existing` is False).
            InvalidRecord: A record refers to one that does not exist: a room's world, a participant's room or
                entity, a component's or relationship's entity.
        """

    async def update(self, agent_id: UUID, records: Sequence[Record]) -> None:
        """Replace all fields except `created_at` of the records with these ids.

        Raises:
            RecordNotFound: A record does not exist; nothing is changed.
        """

    async def get(self, kind: type[R], agent_id: UUID, ids: Sequence[UUID]) -> list[R]:
        """Read the records with these ids.

        Participants cannot be read by this method.

        Returns:
            The existing records, in the order of `ids`.
        """

    async def find(self, kind: type[R], agent_id: UUID | None, *, limit: int = 1000, **fields: object) -> list[R]:
        """Find records by their fields, oldest first by (created_at, id).

        `agent_id` None is allowed only for `Agent`, and finds all agents of the database.
        """

    async def delete(self, kind: type[Record], agent_id: UUID, **fields: object) -> int:
        """Delete records by their fields (`id=…`); returns their number.

        Records that refer to them are deleted as well (see `insert`); memories and runs stay.

        Raises:
            InvalidRecord: No field was given, since deleting everything is never intended.
        """


class TaskStore(Protocol):
    """Store of task claims, with one claimer for each task.

    Each adapter passes `TaskStoreContract`. A claim moves the task's `due_at` into the future. That time identifies the
    claim; if it passes without `settle`, the task is due again.
    """

    async def claim(self, agent_ids: Sequence[UUID], *, lease_s: float, limit: int = 100) -> list[Task]:
        """Claim the due tasks of these agents with the tag `queue`.

        The tasks that have been due longest come first. Exactly one of several concurrent callers gets each task;
        callers do not wait for each other.

        Returns:
            The tasks with `due_at` = the store's now + `lease_s`.
        """

    async def hold(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, lease_s: float) -> Task | None:
        """Take over the claim that `held_until` identifies.

        Exactly one of several concurrent callers takes it over, to run the task now.

        Returns:
            The task with its new `due_at`; None if the claim is not current: taken over, settled, or expired and
            claimed again.
        """

    async def settle(self, agent_id: UUID, task_id: UUID, held_until: datetime, *, then: Task | None = None) -> bool:
        """End a claim by deleting or replacing the task.

        Args:
            then: The replacement, for all fields except `id` and `created_at`; None deletes the task.

        Returns:
            False if the claim is not current; nothing is changed then.
        """


class EmbeddingStore(Protocol):
    """Store of wanted, stored and failed embeddings; each adapter passes `EmbeddingStoreContract`.

    A memory wants an embedding once it is stored with a priority or marked by `want`, until its current text is
    embedded, split into fragments, or failed for good. The writing methods skip memories that were deleted or whose
    text has changed, and return their ids; a changed text wants its own embedding.
    """

    async def want(self, agent_id: UUID, ids: Sequence[UUID], priority: Priority) -> list[UUID]:
        """Mark memories, even failed ones, as wanting an embedding.

        Returns:
            The ids that exist.
        """

    async def wanted(self, agent_id: UUID, ids: Sequence[UUID], *, model: str) -> list[WantedEmbedding]:
        """Read the memories that want an embedding, with their current text.

        Returns:
            The memories in the order of `ids`.
        """

    async def keep(self, agent_id: UUID, made: Sequence[MadeEmbedding], *, model: str) -> list[UUID]:
        """Store vectors in one statement.

        They replace vectors of the same model for earlier texts.

        Raises:
            DimensionMismatch: The dimension of a vector differs from the model's others; nothing is stored.
        """

    async def keep_fragments(
        self, agent_id: UUID, document: WantedEmbedding, fragments: Sequence[Memory], priority: Priority
    ) -> bool:
        """Store the fragments of a text too long to embed.

        They replace the text's earlier fragments. Fragments are memories of the table `fragments` with the
        `document_id` in their metadata; existing ids stay unchanged. The fragments want an embedding instead of the
        document, and are deleted with it.

        Returns:
            False if the document's text has changed or the document was deleted; nothing is stored then.
        """

    async def settle(self, agent_id: UUID, done: Sequence[WantedEmbedding]) -> list[UUID]:
        """Mark memories as wanting no embedding.

        Their text is empty or already embedded.
        """

    async def fail(self, agent_id: UUID, failures: Sequence[EmbeddingFailure]) -> list[UUID]:
        """Mark memories as failed, with the reason.

        They want no embedding until their text changes.
        """

    async def failed(self, agent_id: UUID, *, limit: int = 100) -> list[EmbeddingFailure]:
        """List the failed memories, oldest failure first."""

    async def claim_overdue(
        self, agent_ids: Sequence[UUID], priority: Priority, *, overdue_s: float, limit: int
    ) -> list[EmbeddingJob]:
        """Claim memories that have wanted an embedding longer than `overdue_s`.

        The memories that have wanted it longest come first. Exactly one of several concurrent callers gets each memory,
        and none waits for another. A claimed memory is overdue again after `overdue_s` if it still wants an embedding.
        """

    async def lacking(
        self, agent_id: UUID, *, model: str, after: UUID | None = None, limit: int = 100
    ) -> list[WantedEmbedding]:
        """List memories embedded by another model.

        The given model has not embedded their current text. Sorted by id, starting after `after`.
        """


class KeyValueStore(Protocol):
    """Cache of an agent, JSON values by key; each adapter passes `KeyValueStoreContract`."""

    async def get_value(self, agent_id: UUID, key: str) -> Any:
        """Read a value; None if missing or expired."""

    async def set_value(self, agent_id: UUID, key: str, value: Any, *, expires_at: datetime | None = None) -> None:
        """Set a value, which expires at `expires_at`."""

    async def delete_value(self, agent_id: UUID, key: str) -> bool:
        """Delete a value; returns whether it existed."""


class DatabaseAdapter(Protocol):
    """Database with its stores, shared by runtimes and closed by its opener."""

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
        """Schema version that the adapter needs: the number of its last migration."""

    @property
    def migrates_on_open(self) -> bool:
        """Whether opening migrates the database, as for a local file.

        If False, a deploy step migrates it.
        """

    async def ping(self) -> int:
        """Query the database for its schema version.

        Returns:
            0 if the database was never migrated.
        """

    async def migrate(self) -> list[str]:
        """Apply the missing migrations under a lock; returns their names."""

    async def close(self) -> None:
        """Close all connections; the adapter reopens on its next use."""


class TextModel(Protocol):
    """Text model; each adapter passes `TextModelContract`."""

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        """Answer a conversation, within the current deadline.

        Args:
            on_delta: Awaited with each piece of text as it arrives; the response still holds the whole text.

        Raises:
            ModelError: A subclass, whose `retryable` says whether a retry can help.
            DeadlineExceeded: No time is left for the call.
        """


class EmbeddingModel(Protocol):
    """Embedding model; each adapter passes `EmbeddingModelContract`."""

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Embed non-empty texts in one call.

        Raises:
            ModelError: See `TextModel.complete`.
        """


class JobQueue(Protocol):
    """Durable queue of jobs; its consumer is configured outside."""

    async def prepare(self) -> None:
        """Load and open the client outside the event loop; optional before `send`."""

    async def send(self, messages: Sequence[QueueMessage]) -> None:
        """Enqueue messages in batches; delivery is at least once and unordered.

        Raises:
            QueueUnavailable: The queue did not accept some messages after a retry; safe to send all again.
            DeadlineExceeded: No time is left.
        """


class Channel(Protocol):
    """Channel to clients with an open connection."""

    async def send(self, connection_id: str, text: str) -> None:
        """Send text to one connection.

        Raises:
            TargetGone: The connection is closed.
            TargetUnavailable: The connection could not be reached; safe to retry.
            TargetError: The connection or the text is not allowed.
            DeadlineExceeded: No time is left.
        """


class Redelivery(Protocol):
    """Retry times of a queue's failed deliveries."""

    async def retry_after(self, waits: Sequence[tuple[QueueDelivery, float]]) -> None:
        """Set the seconds until the retry of each delivery.

        Zero retries at once. A delivery that is gone is ignored.

        Raises:
            QueueError: The queue's own delay applies to some deliveries.
            DeadlineExceeded: No time is left.
        """


class Fetcher(Protocol):
    """Fetcher of web files from public addresses, with a size limit."""

    async def fetch(self, url: str, *, limit_bytes: int, timeout_s: float) -> Fetched:
        """Fetch a file, following redirects.

        Raises:
            FetchRefused: The address is not public, the file is too large, or the server answered an error.
            DeadlineExceeded: The whole fetch took longer than `timeout_s`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """File from the web.

    `content_type` is the server's, in lower case and without parameters.
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
