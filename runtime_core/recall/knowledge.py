"""An agent's library: the documents it was given, each with its passages; taken in once, renewed when they change."""

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
_FORM = 1  # counted up when documents are cut another way: then what was taken in before is taken in anew


class Intake(StrEnum):
    """What became of a document."""

    NEW = "new"
    CHANGED = "changed"
    KNOWN = "known"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to take in; `source` is the name it goes by: the same name is the same document."""

    source: str
    title: str
    passages: Sequence[Passage]

    @property
    def content_hash(self) -> str:
        told = "\x00".join(each.told for each in self.passages)
        return hashlib.sha256(f"{_FORM}:{told}".encode()).hexdigest()


class Library:
    """The documents of one agent, in its knowledge room."""

    def __init__(self, agent_id: UUID, database: DatabaseAdapter, *, wants_embeddings: bool) -> None:
        self._agent_id = agent_id
        self._memories = database.memories
        self._room_id = knowledge_room_id(agent_id)
        self._wants_embeddings = wants_embeddings

    async def take_in(self, document: Document) -> tuple[Intake, list[Memory]]:
        """Store a document with its passages, unless it is known as it is; gives the passages that were stored.

        A document that changed takes the place of its earlier form. Stopped in between, the next time does it again.
        """
        known = await self._memories.get(self._agent_id, [self._id(document.source)])
        if known and known[0].metadata.get("content_hash") == document.content_hash:
            return Intake.KNOWN, []
        if known:
            await self.remove(document.source)
        if not document.passages:
            return Intake.EMPTY, []
        kept = self._document(document)
        passages = [self._passage(document, each, position) for position, each in enumerate(document.passages)]
        await self._memories.create(
            self._agent_id, [kept, *passages], embedding_priority="low" if self._wants_embeddings else None
        )
        return Intake.CHANGED if known else Intake.NEW, passages

    async def sources(self) -> list[str]:
        """The names of all documents, oldest first."""
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
        """Take a document out, its passages with it; says whether it was there."""
        return await self._memories.delete(self._agent_id, [self._id(source)]) > 0

    def _id(self, source: str) -> UUID:
        return string_to_uuid(f"document:{self._agent_id}:{source}")

    def _document(self, document: Document) -> Memory:
        """The document itself says nothing, so that its passages are found and not all of it."""
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

    def _passage(self, document: Document, passage: Passage, position: int) -> Memory:
        return Memory(
            id=string_to_uuid(f"passage:{self._agent_id}:{document.source}:{document.content_hash}:{position}"),
            entity_id=self._agent_id,
            room_id=self._room_id,
            table=MemoryType.FRAGMENT.value,
            content=Content(text=passage.told, source="ingest"),
            metadata={
                "document_id": str(self._id(document.source)),
                "title": document.title,
                "source": document.source,
                "position": position,
            },
        )


def vanished(known: Sequence[str], given: Sequence[str], folders: Sequence[str]) -> Iterator[str]:
    """The known documents that lay in one of these folders (or were one of these files) and are not there any more."""
    there = set(given)
    for source in known:
        inside = any(
            source == folder or source.startswith(f"{folder.rstrip('/')}/") or folder == "." for folder in folders
        )
        if inside and source not in there:
            yield source
