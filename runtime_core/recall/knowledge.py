"""The document library of an agent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from uuid import UUID

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.memory import Content, Memory, MemoryType, required_created_at
from runtime_core.ports import DatabaseAdapter, MemoryFilter
from runtime_core.recall.passages import Passage
from runtime_core.recall.recall_task import knowledge_room_id

_PAGE = 500
_FORMAT_VERSION = 1  # part of the content hash: increment when splitting changes, to ingest all documents again


class IngestOutcome(StrEnum):
    """The outcome of ingesting a document."""

    NEW = "new"
    CHANGED = "changed"
    KNOWN = "known"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to ingest, identified by `source`."""

    source: str
    title: str
    passages: Sequence[Passage]

    @property
    def content_hash(self) -> str:
        text = "\x00".join(each.full_text for each in self.passages)
        return hashlib.sha256(f"{_FORMAT_VERSION}:{text}".encode()).hexdigest()


class Library:
    """The documents of one agent, in its knowledge room."""

    def __init__(self, agent_id: UUID, database: DatabaseAdapter, *, wants_embeddings: bool) -> None:
        self._agent_id = agent_id
        self._memories = database.memories
        self._room_id = knowledge_room_id(agent_id)
        self._wants_embeddings = wants_embeddings

    async def ingest(self, document: Document) -> tuple[IngestOutcome, list[Memory]]:
        """Store a document and its passages if new or changed.

        A changed document replaces its earlier version. After an interruption, the next call ingests it again.

        Returns:
            The outcome, and the stored passages.
        """
        known = await self._memories.get(self._agent_id, [self._id(document.source)])
        if known and known[0].metadata.get("content_hash") == document.content_hash:
            return IngestOutcome.KNOWN, []
        if known:
            await self.remove(document.source)
        if not document.passages:
            return IngestOutcome.EMPTY, []
        kept = self._make_document(document)
        passages = [self._make_passage(document, each, position) for position, each in enumerate(document.passages)]
        await self._memories.create(
            self._agent_id, [kept, *passages], embedding_priority="low" if self._wants_embeddings else None
        )
        return IngestOutcome.CHANGED if known else IngestOutcome.NEW, passages

    async def sources(self) -> list[str]:
        """List the sources of all documents, oldest first."""
        found: list[Memory] = []
        before = None
        while True:
            which = MemoryFilter(table=MemoryType.DOCUMENT.value, room_ids=(self._room_id,), before=before)
            page = await self._memories.find(self._agent_id, which, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return [str(each.metadata["source"]) for each in reversed(found) if "source" in each.metadata]
            before = (required_created_at(page[-1]), page[-1].id)

    async def remove(self, source: str) -> bool:
        """Delete a document and its passages.

        Returns:
            False if the library has no such document.
        """
        return await self._memories.delete(self._agent_id, [self._id(source)]) > 0

    def _id(self, source: str) -> UUID:
        return string_to_uuid(f"document:{self._agent_id}:{source}")

    def _make_document(self, document: Document) -> Memory:
        """Build the document's row, without text: searches should find only passages."""
        return Memory(
            id=self._id(document.source),
            entity_id=self._agent_id,
            room_id=self._room_id,
            table=MemoryType.DOCUMENT.value,
            content=Content(source="ingest"),
            metadata={
                "source": document.source,
                "title": document.title,
                "content_hash": document.content_hash,
                "passages": len(document.passages),
            },
        )

    def _make_passage(self, document: Document, passage: Passage, position: int) -> Memory:
        return Memory(
            id=string_to_uuid(f"passage:{self._agent_id}:{document.source}:{document.content_hash}:{position}"),
            entity_id=self._agent_id,
            room_id=self._room_id,
            table=MemoryType.FRAGMENT.value,
            content=Content(text=passage.full_text, source="ingest"),
            metadata={
                "document_id": str(self._id(document.source)),
                "title": document.title,
                "source": document.source,
                "position": position,
            },
        )


def find_removed(known: Sequence[str], given: Sequence[str], folders: Sequence[str]) -> Iterator[str]:
    """Find known documents that are missing from their folders or files."""
    present = set(given)
    for source in known:
        inside = any(
            source == folder or source.startswith(f"{folder.rstrip('/')}/") or folder == "." for folder in folders
        )
        if inside and source not in present:
            yield source
