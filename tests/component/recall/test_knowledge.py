"""Ingestion of documents into a SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import MemoryFilter, MemoryQuery
from runtime_core.recall.knowledge import Document, IngestOutcome, Library, find_removed
from runtime_core.recall.passages import split_passages

AGENT = uuid4()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    database = SqliteAdapter(tmp_path / "mayfly.db")
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def library(database: SqliteAdapter) -> Library:
    return Library(AGENT, database, wants_embeddings=True)


def document(text: str, source: str = "docs/kiln.md") -> Document:
    return Document(source=source, title="kiln.md", passages=split_passages(text))


async def stored(database: SqliteAdapter, agent_id: UUID = AGENT) -> dict[str, int]:
    return {
        table: await database.memories.count(agent_id, MemoryFilter(table=table))
        for table in ("documents", "fragments")
    }


async def test_a_document_is_found_by_its_passages(database: SqliteAdapter, library: Library) -> None:
    intake, passages = await library.ingest(document("# Kilns\n\nKilns crack when cooled fast."))
    assert (intake, len(passages)) == (IngestOutcome.NEW, 1)
    hits = await database.memories.search(AGENT, MemoryQuery(text="cracked kiln"), MemoryFilter(table=None))
    assert [hit.memory.content.text for hit in hits] == ["Kilns\nKilns crack when cooled fast."]
    assert hits[0].memory.metadata["title"] == "kiln.md"


async def test_its_passages_want_embeddings_and_it_does_not(database: SqliteAdapter, library: Library) -> None:
    _, passages = await library.ingest(document("Kilns crack."))
    wanted = await database.embeddings.claim_overdue([AGENT], "low", overdue_s=0, limit=10)  # type: ignore[arg-type]
    assert [each.memory_id for each in wanted] == [each.id for each in passages]


async def test_what_is_known_as_it_is_costs_nothing(database: SqliteAdapter, library: Library) -> None:
    await library.ingest(document("Kilns crack."))
    assert await library.ingest(document("Kilns crack.")) == (IngestOutcome.KNOWN, [])
    assert await stored(database) == {"documents": 1, "fragments": 1}


async def test_a_changed_document_takes_the_place_of_the_earlier_one(database: SqliteAdapter, library: Library) -> None:
    await library.ingest(document("Kilns crack.\n\n" + "More words here. " * 200))
    assert (await stored(database))["fragments"] > 1
    intake, _ = await library.ingest(document("Kilns melt."))
    assert intake is IngestOutcome.CHANGED
    assert await stored(database) == {"documents": 1, "fragments": 1}
    hits = await database.memories.search(AGENT, MemoryQuery(text="crack words"), MemoryFilter(table=None))
    assert hits == []


async def test_an_empty_document_is_not_kept(database: SqliteAdapter, library: Library) -> None:
    assert (await library.ingest(document("  ")))[0] is IngestOutcome.EMPTY
    assert await stored(database) == {"documents": 0, "fragments": 0}


async def test_removing_a_document_removes_its_passages(database: SqliteAdapter, library: Library) -> None:
    await library.ingest(document("Kilns crack."))
    await library.ingest(document("Glazes shine.", source="docs/glaze.md"))
    assert await library.sources() == ["docs/kiln.md", "docs/glaze.md"]
    assert await library.remove("docs/kiln.md")
    assert not await library.remove("docs/kiln.md")
    assert await stored(database) == {"documents": 1, "fragments": 1}


def test_what_vanished_lay_inside_of_what_was_given() -> None:
    known = ["docs/a.md", "docs/sub/b.md", "docs2/c.md", "d.md"]
    assert list(find_removed(known, ["docs/a.md"], ["docs"])) == ["docs/sub/b.md"]
    assert list(find_removed(known, ["docs/a.md"], ["."])) == ["docs/sub/b.md", "docs2/c.md", "d.md"]
    assert list(find_removed(known, ["d.md"], ["d.md"])) == []
